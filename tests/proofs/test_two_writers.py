"""Several processes append at once: there is one chain, and what each was told is in it."""

from tests.forks import FORKS
from tests.proofs import doomed
from truecast.forecasts.verify import verify
from truecast.kit.db import Database

EACH = 25


async def test_three_processes_write_one_chain(db: Database):
    url = db.engine.url.set(drivername=db.engine.url.get_backend_name()).render_as_string(hide_password=False)
    writers = []
    for symbol in ("AAA", "BBB", "CCC"):
        ear, mouth = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=doomed.write_bundles, args=(url, symbol, EACH, mouth), daemon=True)
        process.start()
        mouth.close()
        writers.append((process, ear))
    told = [ear.recv() for _, ear in writers for _ in range(EACH)]
    for process, _ in writers:
        process.join()
        assert process.exitcode == 0
    found = await verify(db)
    assert (found.ok, found.rows) == (True, 3 * 2 * EACH)
    async with db.read() as conn:
        ids = {row[0] for row in await conn.exec_driver_sql("SELECT id FROM forecasts")}
        order = [row[0] for row in await conn.exec_driver_sql("SELECT symbol FROM forecasts ORDER BY seq")]
    assert set(told) <= ids
    assert order != sorted(order), "the writers came one after the other: nothing was proved"
