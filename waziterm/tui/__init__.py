"""The screen: a Textual app that draws what a `Fleet` shows and passes on what an operator asks.

`terminal.run_screen` is the way in. Only this package imports textual.
"""
