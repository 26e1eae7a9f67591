"""A video of two hours in the browser: what seeking loads, and how long exact frames take.

``python -m tests.bench.web.long_video FOLDER`` makes the video in FOLDER (once: a minute or two),
serves it and prints the table of ``million.md``.

The video is VP8 in WebM, 160 by 120, two frames a second, of noise that moves, so that it is large
for its size. Chromium plays it in the page's own origin and seeks to places all over it; what comes
over the network is counted by the browser.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import vquery as vq
from tests.bench.web.million import Page, resident, served
from vquery.store.register import NewVideo

SECONDS, RATE, SIZE = 7_200, 2, (160, 120)
PLACES = [3600, 10, 7190, 1800, 5400, 900, 6300, 42, 7000, 2700]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
SEEK = """async (seconds) => {
  const video = document.querySelector("video#long");
  const began = performance.now();
  const shown = new Promise((done, failed) => {
    video.addEventListener("seeked", done, {once: true});
    video.addEventListener("error", () => failed(new Error(video.error.message)), {once: true});
  });
  video.currentTime = seconds;
  await shown;
  return [performance.now() - began, video.currentTime, video.duration];
}"""
LOAD = """async (address) => {
  const video = document.createElement("video");
  video.id = "long";
  video.muted = true;
  video.preload = "metadata";
  const ready = new Promise((done, failed) => {
    video.addEventListener("loadeddata", done, {once: true});
    video.addEventListener("error", () => failed(new Error(video.error.message)), {once: true});
  });
  video.src = address;
  document.body.append(video);
  await ready;
}"""


def film(path: Path) -> Path:
    """Draw the video, unless it is there."""
    if path.exists():
        return path
    import cv2

    rng = np.random.default_rng(0)
    width, height = SIZE
    noise = rng.integers(0, 256, (height, 4 * width, 3), dtype=np.uint8)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.2)
    half = path.with_name("half.webm")
    writer = cv2.VideoWriter(str(half), cv2.VideoWriter.fourcc(*"VP80"), RATE, SIZE)
    for frame in range(SECONDS * RATE):
        left = 3 * frame % (3 * width)
        picture = noise[:, left : left + width].copy()
        text = f"{frame // RATE // 60:03d}:{frame // RATE % 60:02d}.{frame % RATE}"
        cv2.putText(picture, text, (8, 70), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
        writer.write(picture)
    writer.release()
    return half.rename(path)


def made(folder: Path) -> Path:
    """Make a collection of the video: its frames with their times, and nothing else."""
    path = folder / "long.vq"
    if path.exists():
        return path
    from vquery.media.video import FrameReader

    video = film(folder / "long.webm")
    with FrameReader(video, wanted=lambda *_: False) as reader:
        for _ in reader:
            pass
    with vq.create(path) as db, db._store.writer("bench") as writer:
        digest = hashlib.sha256(video.read_bytes()).hexdigest()
        writer.register([NewVideo("long.webm", digest, uri=str(video.resolve()))])
        rows = {
            "video": pa.repeat(pa.scalar("long.webm"), reader.n_frames),
            "start_us": reader.starts_us,
            "end_us": reader.ends_us,
            "frame": reader.numbers,
        }
        writer.commit([writer.write("frames", pa.table(rows))])
    return path


def browse(page: Page) -> tuple[list[float], int]:
    """Seek all over the video; milliseconds of each seek, and bytes that came in."""
    from playwright.sync_api import sync_playwright

    came = 0

    def count(event: dict[str, Any]) -> None:
        nonlocal came
        came += event["dataLength"]

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        tab = browser.new_page()
        wire = tab.context.new_cdp_session(tab)
        wire.send("Network.enable")
        wire.on("Network.dataReceived", count)
        tab.goto(page.address)
        came = 0
        tab.evaluate(LOAD, "/media/video/long.webm")
        taken = []
        for place in PLACES:
            milliseconds, at, duration = tab.evaluate(SEEK, place)
            assert abs(at - place) < 0.2, (at, place)
            assert abs(duration - SECONDS) < 1, duration
            taken.append(milliseconds)
        browser.close()
    return taken, came


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    path = made(folder)
    size = (folder / "long.webm").stat().st_size
    print(f"| two hours of video | {size / 2**20:.0f} MiB |\n|---|---|")
    with served(path) as (page, pid):
        seeks, came = browse(page)
        print(f"| seek in the browser, median (largest) | {middle(seeks)} ms |")
        print(f"| loaded for {len(PLACES)} seeks | {came / 2**20:.1f} MiB |")
        frames = []
        for place in PLACES:
            began = time.perf_counter()
            status, _ = page.ask("GET", f"/media/frame/long.webm?t_us={place * 1_000_000}")
            assert status == 200
            frames.append(1000 * (time.perf_counter() - began))
        print(f"| exact frame as a picture, median (largest) | {middle(frames)} ms |")
        print(f"| the server holds | {resident(pid):.2f} GiB |")


def middle(taken: list[float]) -> str:
    """Write a median and the largest."""
    return f"{statistics.median(taken):.0f} ({max(taken):.0f})"


if __name__ == "__main__":
    main()
