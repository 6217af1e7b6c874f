"""Pictures: their pixels, turned and scaled, or one message about what cannot be read."""

import struct
import zlib

import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill_mri.preprocess.formats import read_channels, space_of
from xdistill_mri.preprocess.pipeline import prepare
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.preprocess.source import VolumeSource

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")
tifffile = pytest.importorskip("tifffile")

COLOURS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 2**16, (5, 7, 3), dtype=np.uint16)


def read(file, **settings):
    return prepare(VolumeSource(file), Preprocess.model_validate(settings))


def refusal(file, **settings):
    with pytest.raises(DataError) as caught:
        read(file, **settings)
    said = str(caught.value)
    assert str(file) in said
    assert "\n" not in said
    return said


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deep_png(values):
    """A PNG file of 16 bits per colour, written by hand after the specification."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("name", ["a.png", "A.PNG", "a.tif", "a.tiff"])
def test_colours_are_channels_between_zero_and_one(tmp_path, name):
    Image.fromarray(COLOURS).save(tmp_path / name)
    values = read(tmp_path / name)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, COLOURS.transpose(2, 0, 1) / 255, rtol=1e-6)
    np.testing.assert_array_equal(read(tmp_path / name, scale=False), COLOURS.transpose(2, 0, 1))
    assert space_of(VolumeSource(tmp_path / name), Preprocess()).shape == (7, 5, 1)


def test_a_jpeg_is_what_pillow_reads(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg")
    expected = np.asarray(Image.open(tmp_path / "a.jpg")).transpose(2, 0, 1)
    np.testing.assert_array_equal(read(tmp_path / "a.jpg", scale=False), expected)


def test_sixteen_bits_are_kept(tmp_path):
    Image.fromarray(DEEP[..., 0]).save(tmp_path / "grey.png")
    (tmp_path / "rgb.png").write_bytes(deep_png(DEEP))
    tifffile.imwrite(tmp_path / "rgb.tif", DEEP, photometric="rgb")
    tifffile.imwrite(tmp_path / "planes.tif", DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    np.testing.assert_allclose(read(tmp_path / "grey.png")[0], DEEP[..., 0] / 65535, rtol=1e-6)
    for name in ("rgb.png", "rgb.tif", "planes.tif"):
        np.testing.assert_allclose(read(tmp_path / name), DEEP.transpose(2, 0, 1) / 65535, rtol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_orientation_says(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))).transpose(2, 0, 1)
    np.testing.assert_array_equal(read(tmp_path / "a.png", scale=False), expected)
    tag = [("Orientation", 3, 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", COLOURS, photometric="rgb", extratags=tag)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", scale=False), expected)
    assert space_of(VolumeSource(tmp_path / "a.png"), Preprocess()).shape == (*expected.shape[:0:-1], 1)


def test_white_is_zero_is_inverted_and_black_and_white_is_zero_and_one(tmp_path):
    tifffile.imwrite(tmp_path / "white.tif", COLOURS[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "white.tif", scale=False)[0], 255 - COLOURS[..., 0])
    Image.fromarray(COLOURS[..., 0] > 127).save(tmp_path / "two.png")
    np.testing.assert_array_equal(read(tmp_path / "two.png")[0], COLOURS[..., 0] > 127)


def test_a_palette_becomes_its_colours(tmp_path):
    Image.fromarray(COLOURS).quantize(16).save(tmp_path / "a.png")
    expected = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(read(tmp_path / "a.png", scale=False), expected)


def test_grey_is_luminance_and_rgb_repeats_grey(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    Image.fromarray(COLOURS[..., 0]).save(tmp_path / "grey.png")
    luminance = COLOURS @ [0.299, 0.587, 0.114] / 255
    np.testing.assert_allclose(read(tmp_path / "a.png", colour="grey"), luminance[None], rtol=1e-5)
    np.testing.assert_allclose(read(tmp_path / "grey.png", colour="rgb"), [COLOURS[..., 0] / 255] * 3, rtol=1e-6)


def test_cmyk_and_transparency_are_converted_on_request_only(tmp_path):
    Image.fromarray(COLOURS).convert("CMYK").save(tmp_path / "a.jpg")
    assert "CMYK; set `colour: rgb`" in refusal(tmp_path / "a.jpg")
    assert read(tmp_path / "a.jpg", colour="rgb").shape == (3, 5, 7)
    for name, values in (("a.png", COLOURS), ("deep.png", DEEP)):
        opaque = np.full_like(values[..., :1], np.iinfo(values.dtype).max)
        for opacity in (opaque, opaque // 2):
            whole = np.concatenate([values, opacity], axis=-1)
            if name == "deep.png":
                (tmp_path / name).write_bytes(deep_png(whole))
            else:
                Image.fromarray(whole).save(tmp_path / name)
            if opacity is opaque:
                assert read(tmp_path / name).shape == (3, 5, 7)
        assert "transparent pixels; set `colour: rgb`" in refusal(tmp_path / name)
        np.testing.assert_array_equal(read(tmp_path / name, colour="rgb", scale=False), values.transpose(2, 0, 1))


def test_a_renamed_picture_is_named_for_what_it_is(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert "is a JPEG file, but its name ends in .png; rename" in refusal(tmp_path / "a.png")
    (tmp_path / "b.tif").write_text("no picture" * 100)
    assert "is damaged or not a TIFF file" in refusal(tmp_path / "b.tif")
    assert "no such file" in refusal(tmp_path / "none.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
@pytest.mark.parametrize("keep", [0, 20, 0.5, 0.9])
def test_truncated_pictures_are_refused(tmp_path, name, keep):
    values = np.random.default_rng(2).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    assert "is damaged or not a" in refusal(tmp_path / name)


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    assert "exceeds limit" in refusal(tmp_path / "a.png")


def test_pages_of_a_tiff_file_are_slices_or_channels(tmp_path):
    stack = np.random.default_rng(3).integers(0, 256, (4, 5, 7), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    assert "holds 4 pages; set `kind: volume`" in refusal(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif", kind="volume"), stack[None])
    np.testing.assert_array_equal(read(tmp_path / "a.tif", channels="first", scale=False), stack)
    np.testing.assert_array_equal(read(tmp_path / "a.tif", channel=2, scale=False), stack[2:3])


def test_resizing_keeps_the_ratio_of_the_sides_or_not(tmp_path):
    values = np.zeros((40, 80), np.uint8)
    values[:, 40:] = 200
    Image.fromarray(values).save(tmp_path / "a.png")
    shapes = {
        aspect: read(tmp_path / "a.png", size=[20, 20], aspect=aspect)[0] for aspect in ("stretch", "pad", "crop")
    }
    assert {values.shape for values in shapes.values()} == {(20, 20)}
    assert (shapes["stretch"][:, 12:] > 0.7).all()
    # 20 wide and 10 high, with 5 rows of the smallest value above and below.
    assert (shapes["pad"][5:15, 12:] > 0.7).all()
    assert not shapes["pad"][:5].any()
    assert not shapes["pad"][15:].any()
    # 20 high and 40 wide, of which the 20 columns in the middle stay.
    assert (shapes["crop"][:, 12:] > 0.7).all()
    assert not shapes["crop"][:, :8].any()


def test_channels_are_normalised_one_by_one(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    scored = read(tmp_path / "a.png", zscore=True)
    np.testing.assert_allclose(scored.mean(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(scored.std(axis=(1, 2)), 1, atol=1e-5)
    shifted = read(tmp_path / "a.png", mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.1])
    expected = (COLOURS / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.2, 0.1]
    np.testing.assert_allclose(shifted, expected.transpose(2, 0, 1), atol=1e-5)
    assert "has 3 channels, but `mean` has 2 numbers" in refusal(tmp_path / "a.png", mean=[0.5, 0.5])


def test_arrays_of_pictures_say_where_their_channels_are(tmp_path):
    large = np.random.default_rng(4).random((16, 18, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", large)
    assert "look like a picture whose last axis is the colour: set `kind: image`" in refusal(tmp_path / "a.npy")
    expected = large.transpose(2, 0, 1)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", kind="image", channels="last"), expected)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", kind="volume"), large[None])
    np.save(tmp_path / "a.npy", expected)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", kind="image", channels="first"), expected)
    assert "set `channels: first` or `channels: last`" in refusal(tmp_path / "a.npy", kind="image")
    np.save(tmp_path / "a.npy", large[..., 0])
    np.testing.assert_array_equal(read(tmp_path / "a.npy", kind="image"), large[None, ..., 0])
    assert "for pictures, set `kind: image`" in refusal(tmp_path / "a.npy")


def test_one_row_of_an_array_of_all_subjects(tmp_path):
    images = np.random.default_rng(5).integers(0, 256, (6, 4, 5), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", train_images=images, other=images)
    np.save(tmp_path / "a.npy", images)
    settings = Preprocess(kind="image", scale=False)
    for name, array in (("a.npz", "train_images"), ("a.npy", None)):
        source = VolumeSource(tmp_path / name, array=array, row=4)
        np.testing.assert_array_equal(prepare(source, settings), images[4:5])
        with pytest.raises(DataError, match="has no row 6; its array holds 6 rows"):
            prepare(VolumeSource(tmp_path / name, array=array, row=6), settings)


def test_channels_share_the_grid_of_the_crop(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    mask = np.zeros((5, 7), np.uint8)
    mask[1:3, 2:6] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    source = VolumeSource(tmp_path / "a.png", mask=tmp_path / "mask.png")
    settings = Preprocess.model_validate({"crop": {"mask": "mask"}, "scale": False})
    np.testing.assert_array_equal(prepare(source, settings), COLOURS[1:3, 2:6].transpose(2, 0, 1))
    box = VolumeSource(tmp_path / "a.png", box=((0, 1), (1, 3), (2, 6)))
    settings = Preprocess.model_validate({"crop": {"box": {"height": [1, 3], "width": [2, 6]}}, "scale": False})
    np.testing.assert_array_equal(prepare(box, settings), COLOURS[1:3, 2:6].transpose(2, 0, 1))


def test_each_channel_is_a_volume(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    channels = read_channels(VolumeSource(tmp_path / "a.png"), Preprocess())
    assert [channel.shape for channel in channels] == [(1, 5, 7)] * 3
