"""What this machine computes fast."""

import torch

BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32, by the instructions there are."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any(_can(name) for name in BFLOAT16_INSTRUCTIONS)


def has_tiles() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 by AMX's tiles."""
    return _can("amx_bf16")


def has_packed_bfloat16() -> bool:
    """Whether oneDNN multiplies matrices in bfloat16 on this CPU, and lays out their weights for that."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _can(instructions: str) -> bool:
    """Whether the CPU has some instructions, as far as torch tells: that of 2.4 cannot, and computes in float32."""
    return bool(getattr(torch.cpu, "get_capabilities", dict)().get(instructions))
