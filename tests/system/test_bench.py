async def test_a_restore_is_measured_part_by_part(stack: Stack) -> None:
    told = await bench(stack, "restore", "--outages", "200")
    assert told["problems"] == []
    assert (told["outages"], told["unpaid"]) == (200, 10)
    parts = {"report", "prepare", "load", "verify", "advance", "replace"}
    assert set(told["seconds"]) == parts
    assert told["backup_bytes"] > 100_000
    assert told["total_seconds"] == pytest.approx(sum(told["seconds"].values()), abs=0.01)
