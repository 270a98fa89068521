"""The command line: parse, ask the manager or the files, print.

`main.main` is the entry point, `app` knows the verbs and their options, one module each does
the work, imported when its verb is called.
"""
