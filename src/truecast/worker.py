"""For process managers: `python -m truecast.worker`. The same process as `truecast work`."""

from truecast.commands.work import work

if __name__ == "__main__":
    work()
