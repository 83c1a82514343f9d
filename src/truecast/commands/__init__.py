"""One module per command, each with an `app`; see cli.py for their names. A command prints and says an exit code."""
