import stat


def test_a_key_is_made_once_and_its_text_is_not_printed(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    for name in ("DVC_ROOT", "ROWTRAIL_KEY", "ROWTRAIL_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    code, told, _ = ask("key")
    path = tmp_path / ".rowtrail/key"
    assert code == 0
    assert str(path) in told
    assert path.read_text(encoding="ascii").strip() not in told
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    code, _, error = ask("key")
    assert code == 2
    assert "there is a key already" in error
