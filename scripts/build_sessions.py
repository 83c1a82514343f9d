"""Write the bundled exchange sessions (src/truecast/market/data/xnys.npz) from the installed exchange_calendars.

Run again after an upgrade of the library: python scripts/build_sessions.py
"""

from pathlib import Path

import exchange_calendars
import numpy as np

FIRST, LAST = "1960-01-01", "2100-12-31"
TARGET = Path(__file__).parent.parent / "src" / "truecast" / "market" / "data"


def build(code: str) -> Path:
    schedule = exchange_calendars.get_calendar(code, start=FIRST, end=LAST).schedule
    day = schedule.index.to_numpy().astype("datetime64[D]")
    minutes = {
        side: (schedule[side].dt.tz_localize(None).to_numpy().astype("datetime64[m]") - day).astype(np.int16)
        for side in ("open", "close")
    }
    path = TARGET / f"{code.lower()}.npz"
    TARGET.mkdir(exist_ok=True)
    np.savez_compressed(
        path,
        day=day.astype(np.int32),
        open_min=minutes["open"],
        close_min=minutes["close"],
        first=FIRST,
        last=LAST,
        library=f"exchange_calendars {exchange_calendars.__version__}",
    )
    return path


if __name__ == "__main__":
    written = build("XNYS")
    print(f"{written} {written.stat().st_size:,} bytes")
