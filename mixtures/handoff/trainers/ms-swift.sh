#!/usr/bin/env bash
# ms-swift 4.x. Run from anywhere; options given here go to swift last, so they win: ./ms-swift.sh --learning_rate 5e-6
# The loss covers every assistant turn with its end token. channel = domain: the log has one loss a domain.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
swift sft \
  --model @@model@@ --model_type yi --template @@template@@ \
  --tuner_type full --torch_dtype bfloat16 --attn_impl flash_attn \
  --dataset "$here/../data" --split_dataset_ratio 0 \
  --packing true --max_length @@max_tokens@@ --truncation_strategy delete --strict true \
  --loss_scale default --enable_channel_loss true \
  --deepspeed zero3 --gradient_checkpointing true --use_liger_kernel true \
  --num_train_epochs 1 --per_device_train_batch_size 1 --gradient_accumulation_steps "${ACCUMULATE:-8}" \
  --learning_rate 1e-5 --lr_scheduler_type cosine --warmup_ratio 0.03 --weight_decay 0.1 \
  --save_strategy steps --save_steps 500 --save_total_limit 3 --logging_steps 5 \
  --dataset_num_proc 16 --seed @@seed@@ --output_dir "${OUTPUT:-output/@@mix@@}" "$@"
