using Microsoft.ML.Moka.Jobs;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka;

/// <summary>
/// More GPUs of this machine. Set as <see cref="TuningOptions.Workers"/>, they compute batches of each update beside the one of
/// <see cref="MLContext.GpuDeviceId"/>, each on a backbone of its own; gradients are added up in host memory, in the order of the batches. GPUs of one model
/// compute the same bits, so that what is learned does not depend on their number.
/// </summary>
public sealed class MokaGpus : WorkerPool
{
    private readonly int[] _numbers;

    /// <param name="numbers">The numbers of the GPUs, counted from 0, without that of <see cref="MLContext.GpuDeviceId"/>.</param>
    /// <exception cref="ArgumentException">There is no number, one is named twice, or one is below 0.</exception>
    public MokaGpus(params int[] numbers)
    {
        ArgumentNullException.ThrowIfNull(numbers);
        if (numbers.Length == 0)
            throw new ArgumentException("No GPU is named: give the numbers of those that are to compute beside the one of MLContext.GpuDeviceId.");
        if (Array.Exists(numbers, number => number < 0) || numbers.Distinct().Count() != numbers.Length)
            throw new ArgumentException($"GPUs {string.Join(", ", numbers)}: name each once, by its number, counted from 0.");
        _numbers = [.. numbers];
    }

    /// <summary>Their numbers.</summary>
    public IReadOnlyList<int> Numbers => _numbers;

    internal override WorkerJob Open(JobDescription job, Action<string> warn)
    {
        var provider = BackendProvider.Installed;
        foreach (var number in _numbers)
        {
            if (provider.Problem(number) is { } problem)
                throw new InvalidOperationException($"Workers are MokaGpus({string.Join(", ", _numbers)}), and {problem}.");
            if (TakesPart && provider.DeviceName(number) == job.Device)
                throw new InvalidOperationException(
                    $"Workers are MokaGpus({string.Join(", ", _numbers)}), and {job.Device} is the device that computes already: leave number {number} out.");
        }
        return new GpuJob(_numbers, job, TakesPart, warn);
    }
}
