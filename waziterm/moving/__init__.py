"""Sessions on their way: the files in which they leave, and come back."""
