"""CF's packed numbers against netCDF4-python, which follows the NetCDF Users Guide, and by hand."""

import netCDF4
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.readers._packing import unpacked


def by_netcdf4(codes, attributes):
    """The same codes written to a file, and decoded by the library; NaN where masked."""
    with netCDF4.Dataset("memory", "w", diskless=True, format="NETCDF4") as file:
        file.createDimension("n", codes.size)
        fill = attributes.get("_FillValue")
        variable = file.createVariable("v", codes.dtype, ("n",), fill_value=fill)
        variable.set_auto_maskandscale(False)
        variable[:] = codes
        variable.setncatts({k: v for k, v in attributes.items() if k != "_FillValue"})
        variable.set_auto_maskandscale(True)
        return np.ma.filled(np.ma.asarray(variable[:], np.float64), np.nan)


BYTES = np.arange(-128, 128).astype("i1")
SHORTS = np.array([-32768, -32767, -999, -1, 0, 1, 31, 3200, 9999, 32767], "i2")
FLOATS = np.array([-9999, -999, 0, 12.25, 1e20, 9.969209968386869e36, np.nan], "f4")


@pytest.mark.parametrize(
    ("codes", "attributes"),
    [
        (BYTES, {"_Unsigned": "true", "scale_factor": 0.5, "add_offset": -32.0}),
        (BYTES, {"_Unsigned": "true", "_FillValue": np.int8(-1), "scale_factor": 0.5}),
        (
            BYTES,
            {"_Unsigned": "true", "valid_range": np.array([2, -3], "i1"), "_FillValue": BYTES[-1]},
        ),
        (BYTES, {"_FillValue": np.int8(0)}),
        (BYTES, {"missing_value": np.array([-1, 0, 1], "i1"), "_FillValue": np.int8(5)}),
        (BYTES.view("u1"), {"missing_value": np.array([0, 1], "u1"), "_FillValue": np.uint8(9)}),
        (SHORTS, {"scale_factor": 0.01, "add_offset": 5.0}),
        (SHORTS, {"_FillValue": np.int16(-999), "missing_value": np.int16(9999)}),
        (SHORTS, {"valid_min": np.int16(-1), "valid_max": np.int16(9999), "scale_factor": 0.01}),
        (SHORTS, {"valid_range": np.array([0, 3200], "i2"), "scale_factor": -0.01}),
        (FLOATS, {}),
        (FLOATS, {"_FillValue": np.float32(-9999)}),
        (FLOATS, {"missing_value": np.array([-9999, 1e20], "f4"), "valid_max": np.float32(50)}),
    ],
)
def test_values_are_those_of_the_library(codes, attributes):
    expected = by_netcdf4(codes, attributes)
    npt.assert_allclose(unpacked(codes, attributes, np.float64), expected, rtol=1e-7)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_codes_of_any_type_are_those_of_the_library(data):
    kind = data.draw(st.sampled_from(["i1", "u1", "i2", "u2", "i4"]))
    limits = np.iinfo(kind)
    code = st.integers(limits.min, limits.max).map(np.dtype(kind).type)
    codes = np.array(data.draw(st.lists(code, min_size=1, max_size=20)), kind)
    unsigned = st.just("true") if kind in ("i1", "i2") else st.nothing()
    attributes = data.draw(
        st.fixed_dictionaries(
            # With a mark of its own: where a byte has none, the library masks -127, though the
            # Users Guide gives bytes no such default.
            {"scale_factor": st.sampled_from([0.01, 0.5, -2.0]), "_FillValue": code},
            optional={
                "add_offset": st.sampled_from([-32.0, 7.5]),
                "missing_value": st.lists(code, min_size=1, max_size=3).map(
                    lambda values: np.array(values, kind)
                ),
                "valid_min": code,
                "valid_max": code,
                **({} if unsigned.is_empty else {"_Unsigned": unsigned}),
            },
        )
    )
    npt.assert_allclose(
        unpacked(codes, attributes, np.float64), by_netcdf4(codes, attributes), rtol=1e-12
    )


def test_bounds_of_the_type_of_the_scale_are_those_of_values():
    # NetCDF Users Guide, appendix A: a valid_range as wide as scale_factor is of unpacked data.
    fields = {"scale_factor": 0.5, "add_offset": -32.0, "valid_range": np.array([0.0, 60.0])}
    codes = np.array([63, 64, 184, 185], "u1")
    npt.assert_array_equal(unpacked(codes, fields), [np.nan, 0, 60, np.nan])
    whole = {**fields, "valid_range": np.array([64, 184], "u1")}
    npt.assert_array_equal(unpacked(codes, whole), [np.nan, 0, 60, np.nan])


def test_clear_air_has_a_mark_of_its_own():
    fields = {"_FillValue": np.uint8(255), "_Undetect": 0.0, "scale_factor": 0.5}
    npt.assert_array_equal(unpacked(np.array([0, 2, 255], "u1"), fields), [-np.inf, 1, np.nan])


def test_bytes_have_no_mark_unless_they_name_one_and_may_be_signed():
    npt.assert_array_equal(unpacked(BYTES, {}), np.arange(-128, 128))
    signed = unpacked(BYTES.view("u1"), {"_Unsigned": "false"})
    npt.assert_array_equal(signed, np.arange(-128, 128))


def test_flags_are_no_values():
    fields = {"flag_values": np.array([-2, -1], "i2"), "flag_meanings": "blanked folded"}
    npt.assert_array_equal(unpacked(np.array([-2, -1, 7], "i2"), fields), [np.nan, np.nan, 7])


@pytest.mark.parametrize("scale", [0.01, 0.1, 0.07])
def test_whole_numbers_stay_whole(scale):
    # 32 bits alone give 34.999996 for some, which is cut to 34.
    codes = np.rint(np.arange(81) / scale).astype("i2")
    values = unpacked(codes, {"scale_factor": scale})
    exact = np.isclose(codes * scale, np.arange(81), atol=1e-12, rtol=0)
    npt.assert_array_equal(values[exact], np.arange(81)[exact])


def test_many_rows_are_as_few():
    codes = np.random.default_rng(0).integers(0, 256, (3000, 701)).astype("u1")
    fields = {"scale_factor": 0.5, "add_offset": -32.0, "_FillValue": np.uint8(0)}
    expected = np.where(codes == 0, np.nan, codes * 0.5 - 32)
    npt.assert_array_equal(unpacked(codes, fields), expected)


@pytest.mark.parametrize(
    ("codes", "fields"),
    [
        (np.array([b"a"]), {}),
        (np.array([1]), {"scale_factor": "half"}),
        (np.array([1]), {"scale_factor": np.nan}),
        (np.array([1]), {"add_offset": np.array([1.0, 2.0])}),
    ],
)
def test_what_is_no_number_is_told(codes, fields):
    with pytest.raises(ValueError, match="number"):
        unpacked(codes, fields)


def test_a_mark_that_is_no_number_marks_nothing():
    npt.assert_array_equal(unpacked(np.array([1, 2], "i2"), {"missing_value": "n/a"}), [1, 2])


def test_bounds_of_the_type_of_real_codes_are_those_of_codes():
    """Appendix A of the NetCDF Users Guide: of unpacked values only where their type is wider."""
    codes = np.array([3.0, 8.0, 12.0], np.float32)
    attributes = {"scale_factor": np.float32(2), "valid_max": np.float32(10)}
    npt.assert_array_equal(unpacked(codes, attributes), [6, 16, np.nan])
    wider = {**attributes, "valid_max": np.float64(10)}
    npt.assert_array_equal(unpacked(codes, wider), [6, np.nan, np.nan])


def test_marks_are_compared_in_the_type_of_the_codes():
    real = np.array([0.1, 7.0], np.float32)  # whose 0.1 is not that of 64 bits
    npt.assert_array_equal(unpacked(real, {"missing_value": 0.1}), [np.nan, np.float32(7)])
    whole = np.array([2, 7], np.int16)
    npt.assert_array_equal(unpacked(whole, {"missing_value": 2.5}), [2, 7])
