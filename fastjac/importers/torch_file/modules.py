"""MODULES: the modules of torch that a pickle may hold, by class name, with the operator of torch that each calls."""

from __future__ import annotations

from collections.abc import Mapping

CONVOLUTION = "weight bias stride padding dilation"
STATISTICS = "weight bias running_mean running_var"
POOLING = "kernel_size stride padding"

MODULES: dict[str, str] = {
    "Linear": "linear weight bias",
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "SyncBatchNorm"), f"batch_norm {STATISTICS} False momentum eps"),
    "LayerNorm": "layer_norm normalized_shape weight bias eps",
    "RMSNorm": "rms_norm normalized_shape weight eps",
    "GroupNorm": "group_norm num_groups weight bias eps",
    "Conv1d": f"conv1d {CONVOLUTION} groups",
    "Conv2d": f"conv2d {CONVOLUTION} groups",
    **dict.fromkeys(("ConvTranspose1d", "ConvTranspose2d"), f"convolution {CONVOLUTION} transposed output_padding groups"),
    "MaxPool1d": f"max_pool1d {POOLING} dilation ceil_mode",
    "MaxPool2d": f"max_pool2d {POOLING} dilation ceil_mode",
    "AvgPool1d": f"avg_pool1d {POOLING} ceil_mode count_include_pad",
    "AvgPool2d": f"avg_pool2d {POOLING} ceil_mode count_include_pad divisor_override",
    "AdaptiveAvgPool1d": "adaptive_avg_pool1d output_size",
    "AdaptiveAvgPool2d": "adaptive_avg_pool2d output_size",
    "PixelShuffle": "pixel_shuffle upscale_factor",
    "PixelUnshuffle": "pixel_unshuffle downscale_factor",
    "Flatten": "flatten start_dim end_dim",
    "Unflatten": "unflatten dim unflattened_size",
    "Identity": "clone",
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"), "dropout p False"),
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu negative_slope",
    "PReLU": "prelu weight",
    "RReLU": "rrelu lower upper False",
    "ReLU6": "hardtanh min_val max_val",
    "ELU": "elu alpha",
    "SELU": "selu",
    "CELU": "celu alpha",
    "GELU": "gelu approximate",
    "GLU": "glu dim",
    "SiLU": "silu",
    "Mish": "mish",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Hardtanh": "hardtanh min_val max_val",
    "Hardsigmoid": "hardsigmoid",
    "Hardswish": "hardswish",
    "Softplus": "softplus beta threshold",
    "Softsign": "softsign",
    "LogSigmoid": "log_sigmoid",
    "Hardshrink": "hardshrink lambd",
    "Softshrink": "softshrink lambd",
    "Tanhshrink": "tanhshrink",
    "Threshold": "threshold threshold value",
    "Softmax": "softmax dim",
    "Softmin": "softmin dim",
    "LogSoftmax": "log_softmax dim",
}
"""The operator, and the module's attributes that it takes after the tensor, in the order of its arguments."""
TEXTS = ("approximate", "padding")
"""Attributes that may be texts."""
ALWAYS: Mapping[str, object] = {"padding_mode": "zeros", "return_indices": False}
"""The values that attributes must have, where a module has them."""
