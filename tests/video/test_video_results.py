"""A video in, each kind of result out: alpha, sound, times and upright frames are right."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image
from support.models import brightness_model
from support.videos import FRAMES, decoded, moving_disc, times_of, write_video

from clearbg.removal.options import OutputOptions
from clearbg.video.options import VideoOptions
from clearbg.video.run import remove_video

PLAIN = VideoOptions(steady=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def short(tmp_path):
    return write_video(tmp_path / "short.mp4", frames(8))


def frames(count: int, size=(48, 64)) -> list[np.ndarray]:
    return [moving_disc(index, size)[0] for index in range(count)]


@pytest.mark.parametrize("name", ["cut.webm", "cut.mov", "cut.mkv"])
def test_transparent_video_shows_the_subject_alone_and_keeps_times_and_sound(
    name, clip, model, tmp_path
):
    report = remove_video(clip, tmp_path / name, model)
    shown = decoded(tmp_path / name)
    assert (report.frames, report.width, report.height, report.seconds) == (FRAMES, 64, 48, 2.0)
    assert len(shown) == FRAMES
    for index in (0, 20, 47):
        rgb, alpha = moving_disc(index)
        assert shown[index][alpha == 255, 3].mean() > 180  # as bright as the subject
        assert shown[index][alpha == 0, 3].mean() < 60
        assert np.abs(shown[index][alpha == 255, :3] - rgb[alpha == 255].astype(int)).mean() < 40
    times = np.array(times_of(tmp_path / name))
    assert np.diff(times) == pytest.approx(1 / 24, abs=0.0011)
    heard = times_of(tmp_path / name, "audio")
    assert heard[0] - times[0] == pytest.approx(0, abs=0.03) and heard[-1] > 1.9


def test_sound_is_copied_where_the_container_takes_it(clip, model, tmp_path):
    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    options = OutputOptions(background="white")
    report = remove_video(clip, tmp_path / "white.mp4", model, output_options=options)
    assert packets(tmp_path / "white.mp4") == packets(clip)
    assert report.notes == ()
    report = remove_video(clip, tmp_path / "white.webm", model, output_options=options)
    assert report.notes == ("the sound was aac, which WebM does not hold, and became opus",)


def test_background_and_mask_make_opaque_videos(short, model, tmp_path):
    green = OutputOptions(background="#00ff00")
    remove_video(short, tmp_path / "green.mp4", model, output_options=green)
    assert decoded(tmp_path / "green.mp4")[3][2, 60, :3].astype(int) == pytest.approx(
        (15, 225, 15), abs=40
    )
    remove_video(short, tmp_path / "mask.mp4", model, output_options=OutputOptions(mask=True))
    mask = decoded(tmp_path / "mask.mp4")[3].astype(int)
    assert np.ptp(mask[..., :3], axis=2).max() < 8 and mask[24, 20, 0] > 190 > mask[2, 60, 0]


def test_frames_go_into_a_folder_with_their_times(short, model, tmp_path):
    report = remove_video(short, tmp_path / "frames", model, format="webp")
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [*(f"{number:06d}.webp" for number in range(1, 9)), "frames.json"]
    with Image.open(tmp_path / "frames/000003.webp") as image:
        assert image.mode == "RGBA" and image.size == (64, 48)
    facts = json.loads((tmp_path / "frames/frames.json").read_text())
    assert facts["rate"] == "24" and facts["times"][:2] == [0, 0.041667]
    assert report.notes == ("a folder of frames takes no sound",)
    # And again, as PNG; a final slash says that it is a folder.
    assert remove_video(short, f"{tmp_path}/frames/", model).frames == 8
    assert (tmp_path / "frames/000001.png").exists()
    assert not (tmp_path / "frames/000001.webp").exists()


@pytest.mark.parametrize("name", ["cut.mov", "cut.webm"])
def test_variable_frame_rate_keeps_its_times(name, model, tmp_path):
    times = [0, 40, 55, 200, 201, 400, 900]
    source = write_video(tmp_path / "v.mkv", frames(7), times=times, sound=None)
    remove_video(source, tmp_path / name, model)
    assert times_of(tmp_path / name) == pytest.approx([t / 1000 for t in times], abs=1e-6)


@pytest.mark.parametrize("turn", [90, 180, -90])
def test_frames_are_turned_upright(turn, model, tmp_path):
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:12, :16] = 250  # a bright corner
    source = write_video(tmp_path / "turned.mp4", [rgb] * 2, rotation=turn, sound=None)
    remove_video(source, tmp_path / "cut.mov", model)
    shown = decoded(tmp_path / "cut.mov")[0]
    expected = np.rot90(rgb, turn // 90)
    assert shown.shape[:2] == expected.shape[:2]
    bright = shown[..., 3] > 125
    assert bright[expected[..., 0] == 250].mean() > 0.8 > 0.1 > bright[expected[..., 0] == 0].mean()
    with av.open(str(tmp_path / "cut.mov")) as container:
        assert next(container.decode(video=0)).rotation == 0


def test_shape_of_pixels_is_kept_and_turned_or_made_square(model, tmp_path):
    for turn, shape in ((0, Fraction(4, 3)), (90, Fraction(3, 4))):
        source = write_video(
            tmp_path / "wide.mp4", frames(2), shape=Fraction(4, 3), rotation=turn, sound=None
        )
        remove_video(source, tmp_path / "cut.mov", model)
        with av.open(str(tmp_path / "cut.mov")) as container:
            assert container.streams.video[0].sample_aspect_ratio == shape
        report = remove_video(source, tmp_path / "cut.webm", model)
        assert (report.width, report.height) == ((85, 48) if turn == 0 else (36, 64))
        assert "not square" in report.notes[0]


def test_odd_sizes_stay_odd_where_the_format_can_and_are_told_of_elsewhere(model, tmp_path):
    odd = frames(3, (47, 63))
    source = write_video(tmp_path / "odd.mkv", odd, codec="ffv1", pixels="bgr0", sound=None)
    remove_video(source, tmp_path / "cut.webm", model)
    assert decoded(tmp_path / "cut.webm")[0].shape == (47, 63, 4)
    report = remove_video(
        source, tmp_path / "m.mp4", model, output_options=OutputOptions(mask=True)
    )
    assert decoded(tmp_path / "m.mp4")[0].shape == (48, 64, 4)
    assert "63×47 became 64×48" in report.notes[0]


def test_deep_and_bright_videos_are_converted_and_told_of(model, tmp_path):
    deep = write_video(tmp_path / "deep.mp4", frames(2), pixels="yuv420p10le", sound=None)
    report = remove_video(deep, tmp_path / "cut.mov", model)
    assert report.notes == ("more than 8 bits a channel became 8",)
    white = [np.full((48, 64, 3), 148, np.uint8)] * 2  # of 255 in PQ: 203 cd/m², which is white
    bright = write_video(tmp_path / "hdr.mp4", white, pixels="yuv420p10le", sound=None, transfer=16)
    report = remove_video(bright, tmp_path / "frames", model, video_options=PLAIN)
    assert "high dynamic range" in report.notes[0]
    with Image.open(tmp_path / "frames/000001.png") as image:
        assert np.asarray(image)[20, 20, :3].astype(int) == pytest.approx((232, 232, 232), abs=12)


def test_transparency_that_a_video_has_is_kept(model, tmp_path):
    layers = [np.full((48, 64, 4), 250, np.uint8)] * 2
    layers[0][:, :32, 3] = layers[1][:, :32, 3] = 0
    source = write_video(tmp_path / "a.mov", layers, codec="prores_ks", pixels="yuva444p10le")
    remove_video(source, tmp_path / "cut.mov", model)
    alpha = decoded(tmp_path / "cut.mov")[0][..., 3]
    assert alpha[:, :28].max() < 10 and alpha[:, 36:].min() > 200


def test_threshold_and_quality_have_their_effect(short, model, tmp_path):
    hard = OutputOptions(threshold=0.5)
    remove_video(short, tmp_path / "frames", model, output_options=hard)
    with Image.open(tmp_path / "frames/000002.png") as image:
        assert set(np.unique(np.asarray(image)[..., 3])) == {0, 255}
    for quality in (10, 90):
        options = OutputOptions(background="white", quality=quality)
        remove_video(short, tmp_path / f"q{quality}.mp4", model, output_options=options)
    sizes = [(tmp_path / f"q{quality}.mp4").stat().st_size for quality in (10, 90)]
    assert sizes[0] < sizes[1]


def test_metadata_is_kept_on_request_alone(short, model, tmp_path):
    named = tmp_path / "named.mkv"
    with av.open(str(short)) as source, av.open(str(named), "w") as container:
        container.metadata["title"] = "at the sea"
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    for keep in (False, True):
        options = OutputOptions(keep_metadata=keep)
        remove_video(named, tmp_path / "cut.mkv", model, output_options=options)
        with av.open(str(tmp_path / "cut.mkv")) as container:
            assert (container.metadata.get("title") == "at the sea") == keep
