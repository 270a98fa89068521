"""The version that the fleet tells WhatsApp, and what is done when it is refused."""
