"""What this machine computes fast."""

import torch

BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32, by the instructions there are, and that oneDNN is
    not kept from using (by ONEDNN_MAX_CPU_ISA)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and has_packed_bfloat16() and any(map(_can, BFLOAT16_INSTRUCTIONS))


def has_tiles() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 by AMX's tiles."""
    return _can("amx_bf16")


def has_packed_bfloat16() -> bool:
    """Whether oneDNN multiplies matrices in bfloat16 on this CPU, and lays out their weights for that."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_packed_float32() -> bool:
    """Whether oneDNN's products with weights that it lays out are faster than others: measured on x86 only."""
    return torch.backends.mkldnn.is_available() and _can("avx2")


def has_fast_int8() -> bool:
    """Whether products of 8-bit integers are faster than in float32: by oneDNN's and FBGEMM's on x86."""
    return has_packed_float32() and "x86" in torch.backends.quantized.supported_engines


def _can(instructions: str) -> bool:
    """Whether the CPU has some instructions, as far as torch tells: that of 2.4 cannot, and computes in float32."""
    return bool(getattr(torch.cpu, "get_capabilities", dict)().get(instructions))
