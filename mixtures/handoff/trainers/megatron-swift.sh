#!/usr/bin/env bash
# Megatron-SWIFT (ms-swift 4.x with megatron-core). One node of 8 GPUs holds the model; NNODES, NODE_RANK, MASTER_ADDR add nodes.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
NPROC_PER_NODE="${NPROC_PER_NODE:-8}" megatron sft \
  --model @@model@@ --model_type yi --template @@template@@ --tuner_type full \
  --dataset "$here/../data" --split_dataset_ratio 0 \
  --packing true --max_length @@max_tokens@@ --loss_scale default --enable_channel_loss true \
  --tensor_model_parallel_size 8 --sequence_parallel true --attention_backend flash \
  --micro_batch_size 1 --global_batch_size "${GLOBAL_BATCH:-64}" --num_train_epochs 1 \
  --recompute_granularity full --recompute_method uniform --recompute_num_layers 1 \
  --lr 1e-5 --min_lr 1e-6 --lr_warmup_fraction 0.03 --weight_decay 0.1 --cross_entropy_loss_fusion true \
  --finetune true --dataset_num_proc 16 --seed @@seed@@ --output_dir "${OUTPUT:-output/@@mix@@}" "$@"
