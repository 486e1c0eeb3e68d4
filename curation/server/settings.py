"""What a researcher sets to have vLLM started."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Server(BaseModel):
    """vLLM, started and stopped with the run. An empty `model` starts none."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str = Field(
        default="", description="folder or hub name of the model vLLM shall serve; empty: start no server"
    )
    python: Path | None = Field(
        default=None,
        description="Python of the environment that vLLM is installed in (its own: it pins another FastAPI than Prefect); "
        "none: .venv-vllm/bin/python beside this environment, as `make vllm` builds it",
    )
    tensor_parallel: int = Field(default=1, description="GPUs one server is spread over", ge=1)
    gpus: tuple[str, ...] = Field(
        default=(),
        description="GPUs to use, e.g. 0,1,2,3; empty: those of CUDA_VISIBLE_DEVICES (a Slurm rank has its own), else all "
        "that nvidia-smi lists; where there are none, one server on the CPU",
    )
    args: tuple[str, ...] = Field(
        default=(), description="further arguments of vLLM, e.g. --max-model-len,8192,--enforce-eager"
    )
    env: dict[str, str | int] = Field(
        default={}, description="environment variables of vLLM, e.g. {VLLM_CPU_KVCACHE_SPACE: 4}"
    )
    host: str = Field(
        default="127.0.0.1",
        description="address to listen on; 0.0.0.0 for other machines, which are told this machine's name",
    )
    start_seconds: float = Field(default=1800.0, description="time to load the model and say /health", gt=0)
    restarts: int = Field(default=3, description="times a server that died is started again, at the same address", ge=0)
