using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Training;

/// <summary>What a worker has to have so that its gradients have the bits of the run.</summary>
/// <param name="BackbonePath">Where the run found its backbone; null for the one inside this package.</param>
/// <param name="Fingerprint">The backbone's.</param>
/// <param name="Quantization">How it is kept in memory.</param>
/// <param name="Precision">How products are computed.</param>
/// <param name="Arithmetic">The instructions that sums are computed with; null where others are allowed.</param>
/// <param name="Exchange">How gradients are sent.</param>
internal sealed record ShareJob(
    string? BackbonePath, string Fingerprint, BackboneQuantization Quantization, MokaPrecision Precision, string? Arithmetic, MokaExchange Exchange)
{
    /// <exception cref="InvalidOperationException">The backend would compute other bits.</exception>
    public void Require(Backend backend)
    {
        if (Arithmetic is { } wanted && backend.Arithmetic != wanted)
            throw new InvalidOperationException(
                $"This worker computes with '{backend.Arithmetic}' and the run with '{wanted}', so that the last bits would differ: "
                + $"leave it out, or set {nameof(WorkerPool.AllowsOtherProcessors)}.");
        if (backend.Precision != Precision)
            throw new InvalidOperationException(
                $"The run computes products in {Precision}, and this worker in {backend.Precision}: {backend.PrecisionProblem ?? "it has another usual one"}.");
    }
}
