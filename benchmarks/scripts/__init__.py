"""What the benchmarks start as processes of their own: stages of Cuvée, and peers in their environments."""
