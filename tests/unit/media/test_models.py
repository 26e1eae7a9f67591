from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vquery.errors import MediaError
from vquery.media import models, onnx

WriteOnnx = Callable[..., Path]


class Server:
    """Serves bytes by path on this machine and counts the requests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.announce: dict[str, int] = {}
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                content = server.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header(
                    "Content-Length", str(server.announce.get(self.path, len(content)))
                )
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the client reads no more than it must
                    self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def empty_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(models.ENVIRONMENT, raising=False)
    monkeypatch.setattr(models.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def published(server: Server, content: bytes, **changes: object) -> dict[str, models.Model]:
    server.files["/weights/tiny_yunet.onnx"] = content
    model = models.Model(
        name="tiny",
        kind="yunet",
        address=f"{server.address}/weights/tiny_yunet.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        licence="none",
        about="",
    )
    return {"tiny": replace(model, **changes)}


class TestGet:
    def test_downloads_once_and_keeps(self, server: Server, tmp_path: Path) -> None:
        known = published(server, b"weights" * 1000)
        to = tmp_path / "new" / "folder"
        path = models.get("tiny", to, known=known)
        assert path == to / "tiny_yunet.onnx"
        assert path.read_bytes() == b"weights" * 1000
        assert models.get("tiny", to, known=known) == path
        assert server.requests == ["/weights/tiny_yunet.onnx"]
        assert [p.name for p in to.iterdir()] == ["tiny_yunet.onnx"]
        (to / "other").touch()
        assert path.stat().st_mode == (to / "other").stat().st_mode, "as readable as any file"

    def test_goes_to_the_cache_where_it_is_found(self, server: Server) -> None:
        path = models.get("tiny", known=published(server, b"weights"))
        assert path.parent == models.cache_dir()
        assert models.find() == path

    def test_replaces_a_damaged_file(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "tiny_yunet.onnx").write_bytes(b"half")
        path = models.get("tiny", tmp_path, known=published(server, b"weights"))
        assert path.read_bytes() == b"weights"

    @pytest.mark.parametrize(
        ("content", "got"),
        [(b"weighty", "got 7 bytes"), (b"weights and more", "got more than 7"), (b"we", "got 2")],
    )
    def test_refuses_other_bytes(
        self, server: Server, tmp_path: Path, content: bytes, got: str
    ) -> None:
        known = published(server, b"weights")
        server.files["/weights/tiny_yunet.onnx"] = content
        with pytest.raises(MediaError, match=f"expected 7 bytes with SHA-256 .*{got}"):
            models.get("tiny", tmp_path, known=known)
        assert list(tmp_path.iterdir()) == []

    def test_does_not_read_on_for_ever(self, server: Server, tmp_path: Path) -> None:
        known = published(server, b"weights")
        server.files["/weights/tiny_yunet.onnx"] = b"x" * 50_000_000
        with pytest.raises(MediaError, match="more than 7 bytes"):
            models.get("tiny", tmp_path, known=known)

    def test_a_broken_connection_is_told(self, server: Server, tmp_path: Path) -> None:
        known = published(server, b"weights")
        server.files["/weights/tiny_yunet.onnx"] = b"wei"
        server.announce["/weights/tiny_yunet.onnx"] = 7
        with pytest.raises(MediaError, match=r"tiny_yunet\.onnx"):
            models.get("tiny", tmp_path, known=known)
        assert list(tmp_path.iterdir()) == []

    def test_missing_on_the_server(self, server: Server, tmp_path: Path) -> None:
        known = published(server, b"weights")
        server.files.clear()
        with pytest.raises(MediaError, match=r"cannot be fetched \(.*404.*VQUERY_MODELS"):
            models.get("tiny", tmp_path, known=known)

    def test_offline(self, server: Server, tmp_path: Path) -> None:
        known = published(server, b"weights")
        server.stop()
        with pytest.raises(MediaError, match=r"cannot be fetched .* when online"):
            models.get("tiny", tmp_path, known=known)
        server.stop = lambda: None  # type: ignore[method-assign]

    def test_a_kind_means_its_best(self, server: Server, tmp_path: Path) -> None:
        known = published(server, b"weights")
        known["other"] = replace(known["tiny"], name="other", address=f"{server.address}/none")
        assert models.get("yunet", tmp_path, known=known).name == "tiny_yunet.onnx"
        assert next(iter(models.KNOWN)) == "yunet_n_640"

    def test_unknown_name(self, tmp_path: Path) -> None:
        with pytest.raises(MediaError, match=r"no known model 'yolo'. Known: .*yunet_n_640"):
            models.get("yolo", tmp_path)

    def test_target_that_is_no_folder(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(MediaError, match="cannot be written"):
            models.get("tiny", tmp_path / "file", known=published(server, b"weights"))

    @pytest.mark.data
    def test_real_weights(self, data: Path, server: Server, tmp_path: Path) -> None:
        local = {
            "yunet_n_640": "yunet_n_640_640.onnx",
            "yunet_n_320": "yunet_n_320_320.onnx",
            "yunet_2023mar": "yunet_s_640_640.onnx",
        }
        assert set(local) == set(models.KNOWN)
        for name, file in local.items():
            content = (data / "models" / file).read_bytes()
            there = models.KNOWN[name]
            server.files[f"/{there.file}"] = content
            known = {name: replace(there, address=f"{server.address}/{there.file}")}
            path = models.get(name, tmp_path, known=known)
            assert path.read_bytes() == content
            assert models.fixed_input(path) in (320, 640)


class TestFind:
    def test_nothing_there(self) -> None:
        assert models.find() is None
        assert models.candidates() == []

    def test_order_of_files(self, write_onnx: WriteOnnx, tmp_path: Path) -> None:
        write_onnx("yunet_s_640_640.onnx", (1, 3, 640, 640))
        write_onnx("yunet_n_320_320.onnx", (1, 3, 320, 320))
        write_onnx("yunet_n_640_640.onnx", (1, 3, 640, 640))
        write_onnx("yunet_n_dynamic.onnx", (1, 3, "height", "width"))
        write_onnx("a_yunet_of_mine.onnx", (1, 3, 160, 160))
        write_onnx("sface.onnx", (1, 3, 112, 112))
        (tmp_path / "broken_yunet_n_.onnx").write_bytes(b"version https://git-lfs")
        (tmp_path / "yunet_folder.onnx").mkdir()
        assert [p.name for p in models.candidates(models_dir=tmp_path)] == [
            "yunet_n_640_640.onnx",
            "yunet_n_320_320.onnx",
            "yunet_s_640_640.onnx",
            "a_yunet_of_mine.onnx",
            "broken_yunet_n_.onnx",
            "yunet_n_dynamic.onnx",
        ]

    def test_environment_comes_before_the_cache(
        self, write_onnx: WriteOnnx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cached = write_onnx("cache/vquery/models/yunet_n.onnx", (1, 3, 640, 640))
        assert models.find() == cached
        first, second = write_onnx("one/yunet_s.onnx"), write_onnx("two/yunet_n.onnx")
        monkeypatch.setenv(models.ENVIRONMENT, f"{first.parent}:{second.parent}")
        assert models.candidates() == [first, second, cached]

    def test_environment_that_names_no_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(models.ENVIRONMENT, str(tmp_path / "typo"))
        with pytest.raises(MediaError, match=r"\$VQUERY_MODELS names .*typo"):
            models.find()

    def test_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(MediaError, match="not a folder of models"):
            models.find(models_dir=tmp_path / "typo")

    def test_unknown_kind(self) -> None:
        with pytest.raises(MediaError, match="kind must be one of yunet"):
            models.find("yolo")

    @pytest.mark.parametrize(
        ("platform", "end"),
        [("linux", "cache/vquery/models"), ("darwin", "Library/Caches/vquery/models")],
    )
    def test_cache_of_the_platform(
        self, platform: str, end: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(models.sys, "platform", platform)
        assert models.cache_dir().as_posix().endswith(end)

    @pytest.mark.data
    def test_real_folder(self, data: Path) -> None:
        names = [p.name for p in models.candidates(models_dir=data / "models")]
        assert names[:3] == ["yunet_n_640_640.onnx", "yunet_n_320_320.onnx", "yunet_s_640_640.onnx"]
        assert len(names) == 6


class TestListing:
    def test_how_to_get_what_is_missing(self) -> None:
        rows = {row.name: row for row in models.listing()}
        assert set(rows) == set(models.KNOWN)
        assert rows["yunet_n_640"].path is None
        assert "vquery models get yunet_n_640" in rows["yunet_n_640"].how

    def test_where_the_others_are(self, write_onnx: WriteOnnx) -> None:
        folder = models.cache_dir().relative_to(models.cache_dir().parents[2])
        known = write_onnx(f"{folder}/yunet_n_640_640.onnx", (1, 3, 640, 640))
        own = write_onnx(f"{folder}/my_yunet.onnx")
        rows = {row.name: row for row in models.listing()}
        assert rows["yunet_n_640"].path == known
        assert rows["my_yunet"].path == own
        assert len(rows) == len(models.KNOWN) + 1


class TestInputShape:
    def test_fixed_and_free(self, write_onnx: WriteOnnx) -> None:
        assert onnx.input_shape(write_onnx("a.onnx", (1, 3, 20, 300))) == (1, 3, 20, 300)
        assert onnx.input_shape(write_onnx("b.onnx", ("n", 3, "h", 8))) == (None, 3, None, 8)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(MediaError, match=r"none\.onnx: cannot be read"):
            onnx.input_shape(tmp_path / "none.onnx")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.binary(max_size=200))
    def test_any_bytes_are_refused_or_read(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "some.onnx"
        path.write_bytes(content)
        with pytest.raises(MediaError, match=r"some\.onnx"):
            onnx.input_shape(path)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(share=st.floats(0, 1, exclude_max=True))
    def test_cut_off_file_is_refused(
        self, share: float, write_onnx: WriteOnnx, tmp_path: Path
    ) -> None:
        whole = write_onnx("whole.onnx").read_bytes()
        path = tmp_path / "part.onnx"
        # the last 7 bytes only tell the version of the operators
        path.write_bytes(whole[: int(share * (len(whole) - 7))])
        with pytest.raises(MediaError, match=r"part\.onnx"):
            onnx.input_shape(path)

    @pytest.mark.data
    def test_real_models(self, data: Path) -> None:
        folder = data / "models"
        assert onnx.input_shape(folder / "yunet_n_640_640.onnx") == (1, 3, 640, 640)
        assert onnx.input_shape(folder / "yunet_s_dynamic.onnx")[2:] == (None, None)
        assert onnx.input_shape(folder / "ultraface_version-RFB-320.onnx") == (1, 3, 240, 320)
