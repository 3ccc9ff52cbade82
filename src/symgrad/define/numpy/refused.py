"""Functions of NumPy that can't be traced, with what to write instead; and those that take no traced arrays at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.define.numpy.messages import REFUSED

_COUNTED = "how many elements it has is not known while the function is traced: "
_INSTEAD = {
    _COUNTED + "write np.where(condition, x, 0) and go on with all of them": "nonzero flatnonzero argwhere",
    _COUNTED + "write np.sort(x), which keeps equal elements": (
        "unique unique_all unique_counts unique_inverse unique_values union1d intersect1d setdiff1d setxor1d trim_zeros"
    ),
    "write np.bincount(np.searchsorted(edges, x, side='right') - 1, minlength=n); counts have derivative zero": (
        "histogram histogram2d histogramdd histogram_bin_edges"
    ),
    "write np.stack([f(row) for row in np.moveaxis(x, axis, -1)]), or sg.vmap(f)": "apply_along_axis apply_over_axes",
    "it changes an array: write np.where(condition, v, x)": "copyto place putmask",
    "it changes an array: write x[places] = v on an array that is traced, as np.zeros_like(x) is": "put put_along_axis",
    "bits of traced numbers can't be taken": (
        "packbits unpackbits bitwise_count left_shift right_shift nextafter spacing frexp gcd lcm"
    ),
    "write the parts out: quotients by //, remainders by %": "unravel_index ravel_multi_index",
    "complex numbers come from np.fft alone": "sort_complex",
    "dates are not differentiated": "isnat busday_count busday_offset is_busday datetime_as_string",
    "its numbers are not known while the function is traced: return the array and write it afterwards": (
        "save savetxt savez savez_compressed array2string array_repr array_str"
    ),
    "write np.block(rows)": "bmat",
    "leave it out: a traced array is an array already": "asarray_chkfinite asmatrix require matrix",
    "call the function on the array itself, or on all its rows by sg.vmap(f)": "vectorize frompyfunc",
    "iterate over the array itself": "nditer ndenumerate",
}
_OWN = """
arange bartlett base_repr binary_repr blackman broadcast_shapes can_cast common_type datetime_data
diag_indices  empty eye einsum_path format_float_positional format_float_scientific from_dlpack
frombuffer fromfile fromfunction fromiter fromregex fromstring genfromtxt get_include
get_printoptions getbufsize geterr geterrcall hamming hanning identity indices info isdtype isfortran isscalar
issubdtype iterable kaiser load loadtxt mask_indices may_share_memory min_scalar_type mintypecode nested_iters ones
printoptions promote_types set_printoptions setbufsize seterr seterrcall shares_memory show_config show_runtime test
tri tril_indices  triu_indices  typename zeros
"""

for _hint, _names in _INSTEAD.items():
    for _name in _names.split():
        if hasattr(np, _name):  # some came with later versions of NumPy
            REFUSED[getattr(np, _name)] = _hint

PLAIN: frozenset[Any] = frozenset(getattr(np, n) for n in _OWN.split() if hasattr(np, n))
"""What makes arrays of plain numbers, or is about types, printing and files: NumPy's own, also in a traced function."""

_OF_SCIPY = {
    "scipy.special": """
        bernoulli euler factorial2 factorialk perm stirling2 geterr seterr errstate assoc_laguerre
        chebyc chebys chebyt chebyu gegenbauer genlaguerre hermite hermitenorm jacobi laguerre legendre
        sh_chebyt sh_chebyu sh_jacobi sh_legendre ai_zeros bi_zeros bei_zeros beip_zeros ber_zeros berp_zeros erf_zeros
        fresnel_zeros fresnelc_zeros fresnels_zeros jn_zeros jnjnp_zeros jnp_zeros jnyn_zeros kei_zeros keip_zeros
        kelvin_zeros ker_zeros kerp_zeros y0_zeros y1_zeros y1p_zeros yn_zeros ynp_zeros
        c_roots cg_roots h_roots he_roots j_roots js_roots l_roots la_roots p_roots ps_roots s_roots t_roots ts_roots
        u_roots us_roots roots_chebyc roots_chebys roots_chebyt roots_chebyu roots_gegenbauer roots_genlaguerre
        roots_hermite roots_hermitenorm roots_jacobi roots_laguerre roots_legendre roots_sh_chebyt roots_sh_chebyu
        roots_sh_jacobi roots_sh_legendre mathieu_even_coef mathieu_odd_coef obl_cv_seq pro_cv_seq
    """,
    "scipy.linalg": """
        dft diagsvd find_best_blas_type get_blas_funcs get_lapack_funcs hadamard helmert hilbert invhilbert invpascal
        pascal clarkson_woodruff_transform
    """,
    "scipy.fft": """
        fftfreq rfftfreq fhtoffset get_workers next_fast_len prev_fast_len register_backend set_backend
        set_global_backend set_workers skip_backend
    """,
    "numpy.fft": "fftfreq rfftfreq",
}
PLAIN_NAMED = frozenset(f"{module}.{n}" for module, names in _OF_SCIPY.items() for n in names.split())
"""The same of SciPy, by their full names: coefficients, zeros and nodes, settings."""
