"""`python -m truecast` is `truecast`."""

from truecast.cli import main

main()
