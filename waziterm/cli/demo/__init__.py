"""The demo: a throw-away lab with phones that scan and trouble that comes by itself."""
