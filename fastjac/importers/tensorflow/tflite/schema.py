"""TensorFlow Lite's schema, as far as fastjac reads it: the numbers of fields, types, operators and options.

The numbers are those of tensorflow/compiler/mlir/lite/schema/schema.fbs, which never change.
"""

from __future__ import annotations

from enum import IntEnum

from ..types import ElementType


class Model(IntEnum):
    """The whole file."""

    OPERATOR_CODES, SUBGRAPHS, BUFFERS, SIGNATURES = 1, 2, 4, 7


class OperatorCode(IntEnum):
    """An operator that nodes refer to."""

    OLD_CODE, CUSTOM_CODE, CODE = 0, 1, 3


class SubGraph(IntEnum):
    """A graph."""

    TENSORS, INPUTS, OUTPUTS, OPERATORS = 0, 1, 2, 3


class Tensor(IntEnum):
    """A value of a graph, or a constant."""

    SHAPE, TYPE, BUFFER, NAME, QUANTIZATION, IS_VARIABLE, SPARSITY, SHAPE_SIGNATURE = 0, 1, 2, 3, 4, 5, 6, 7


class Quantization(IntEnum):
    """How numbers are stored in fewer bits."""

    SCALE = 2


class Operator(IntEnum):
    """A node of a graph."""

    CODE, INPUTS, OUTPUTS, OPTIONS = 0, 1, 2, 4


class Buffer(IntEnum):
    """The bytes of a constant, in the flatbuffer or behind it."""

    DATA, OFFSET, SIZE = 0, 1, 2


class Signature(IntEnum):
    """What users call the inputs and outputs of a graph."""

    INPUTS, OUTPUTS, SUBGRAPH = 0, 1, 4


class Named(IntEnum):
    """A name of a tensor."""

    NAME, TENSOR = 0, 1


TYPES = {
    0: ElementType("float32", "<f4"),
    1: ElementType("float16", "<f2"),
    2: ElementType("int32", "<i4"),
    3: ElementType("uint8", "u1"),
    4: ElementType("int64", "<i8"),
    6: ElementType("bool", "u1"),
    7: ElementType("int16", "<i2"),
    9: ElementType("int8", "i1"),
    10: ElementType("float64", "<f8"),
    12: ElementType("uint64", "<u8"),
    15: ElementType("uint32", "<u4"),
    16: ElementType("uint16", "<u2"),
}
"""The types of tensors."""

BYTE, INT, FLOAT, BOOL, INTS = "b", "i", "f", "?", "ints"
Fields = dict[str, tuple[int, str, float]]
FUSED: Fields = {"fused": (0, BYTE, 0)}
POOLING: Fields = {
    "padding": (0, BYTE, 0),
    "stride_w": (1, INT, 0),
    "stride_h": (2, INT, 0),
    "filter_width": (3, INT, 0),
    "filter_height": (4, INT, 0),
    "fused": (5, BYTE, 0),
}
OPTIONS: dict[str, Fields] = {
    "FULLY_CONNECTED": {**FUSED, "weights_format": (1, BYTE, 0), "keep_num_dims": (2, BOOL, 0)},
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "L2_NORMALIZATION"), FUSED),
    "SOFTMAX": {"beta": (0, FLOAT, 0.0)},
    "CONCATENATION": {"axis": (0, INT, 0), "fused": (1, BYTE, 0)},
    "RESHAPE": {"new_shape": (0, INTS, 0)},
    "LEAKY_RELU": {"alpha": (0, FLOAT, 0.0)},
    "GELU": {"approximate": (0, BOOL, 0)},
    **{name: {"keep_dims": (0, BOOL, 0)} for name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")},
    "CUMSUM": {"exclusive": (0, BOOL, 0), "reverse": (1, BOOL, 0)},
    "SQUEEZE": {"squeeze_dims": (0, INTS, 0)},
    "STRIDED_SLICE": {
        "begin_mask": (0, INT, 0),
        "end_mask": (1, INT, 0),
        "ellipsis_mask": (2, INT, 0),
        "new_axis_mask": (3, INT, 0),
        "shrink_axis_mask": (4, INT, 0),
        "offset": (5, BOOL, 0),
    },
    "GATHER": {"axis": (0, INT, 0), "batch_dims": (1, INT, 0)},
    "PACK": {"axis": (1, INT, 0)},
    "UNPACK": {"axis": (1, INT, 0)},
    "SPLIT": {"num_splits": (0, INT, 0)},
    "BATCH_MATMUL": {"adj_x": (0, BOOL, 0), "adj_y": (1, BOOL, 0)},
    "CONV_2D": {
        "padding": (0, BYTE, 0),
        "stride_w": (1, INT, 0),
        "stride_h": (2, INT, 0),
        "fused": (3, BYTE, 0),
        "dilation_w_factor": (4, INT, 1),
        "dilation_h_factor": (5, INT, 1),
    },
    "TRANSPOSE_CONV": {"padding": (0, BYTE, 0), "stride_w": (1, INT, 0), "stride_h": (2, INT, 0), "fused": (3, BYTE, 0)},
    "DEPTHWISE_CONV_2D": {
        "padding": (0, BYTE, 0),
        "stride_w": (1, INT, 0),
        "stride_h": (2, INT, 0),
        "fused": (4, BYTE, 0),
        "dilation_w_factor": (5, INT, 1),
        "dilation_h_factor": (6, INT, 1),
    },
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), POOLING),
    "RESIZE_NEAREST_NEIGHBOR": {"align_corners": (0, BOOL, 0), "half_pixel_centers": (1, BOOL, 0)},
    "RESIZE_BILINEAR": {"align_corners": (2, BOOL, 0), "half_pixel_centers": (3, BOOL, 0)},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {
        "fused": (0, BYTE, 0),
        "cell_clip": (1, FLOAT, 0.0),
        "proj_clip": (2, FLOAT, 0.0),
        "time_major": (3, BOOL, 0),
    },
    "UNIDIRECTIONAL_SEQUENCE_RNN": {"time_major": (0, BOOL, 0), "fused": (1, BYTE, 0)},
    "CAST": {"out_data_type": (1, BYTE, 0)},
}
"""The options of operators: for each option's name, the number of its field, its kind, and its default."""

CUSTOM = 32
NAMES = """\
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM
MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2
GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG
SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE
MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5
SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO
RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE
RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN"""
OPERATORS = tuple(NAMES.split())
"""The built-in operators, by their numbers."""
ACTIVATIONS = {0: "", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH"}
"""Activations that may stand behind an operator, by the number in its option `fused`."""
