"""How a manager does, for machines: three answers over HTTP, and who may connect to ask."""
