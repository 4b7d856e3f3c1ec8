// Live tensors of PyTorch are counted for the process: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
