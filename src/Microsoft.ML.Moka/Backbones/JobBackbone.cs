using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Backbones;

/// <summary>The backbone of a job, and how a worker has to compute with it so that its results have the bits of the program that has the job.</summary>
/// <param name="Path">Where the program found it; null for the one inside this package.</param>
/// <param name="Fingerprint">What tells it from others.</param>
/// <param name="Quantization">How it is kept in memory.</param>
/// <param name="Precision">How products are computed.</param>
/// <param name="Arithmetic">The instructions that sums are computed with; null where others are allowed.</param>
internal sealed record JobBackbone(string? Path, string Fingerprint, BackboneQuantization Quantization, MokaPrecision Precision, string? Arithmetic)
{
    /// <param name="source">Where the backbone is.</param>
    /// <param name="fingerprint">The backbone's.</param>
    /// <param name="quantization">How it is kept in memory.</param>
    /// <param name="backend">What the program computes with.</param>
    /// <param name="allowsOtherProcessors">Whether the last bits may depend on who computes.</param>
    /// <exception cref="InvalidOperationException">Workers cannot have it.</exception>
    public static JobBackbone Of(
        BackboneSource source, string fingerprint, BackboneQuantization quantization, Backend backend, bool allowsOtherProcessors) => new(
            source.Kind switch
            {
                BackboneKind.Folder => source.Files.Location,
                BackboneKind.Embedded => null,
                _ => throw new InvalidOperationException(
                    "The model has its backbone inside, where workers cannot find it: save it without SaveBackbone, so that it has the backbone's path."),
            },
            fingerprint, quantization, backend.Precision, allowsOtherProcessors ? null : backend.Arithmetic);

    /// <summary>Finds the backbone on this machine; the same to the last byte.</summary>
    /// <param name="resolver">Asked where it is not found otherwise.</param>
    public BackboneSource Find(Func<BackboneReference, string?>? resolver)
    {
        if (Path is not null)
            return BackboneLocator.Find(new BackboneReference(Path, Fingerprint), resolver);
        var embedded = BackboneSource.Embedded();
        var found = SharedBackbone.FingerprintOf(embedded.Files);
        return found == Fingerprint ? embedded : throw new InvalidOperationException(
            $"The backbone inside this worker's package has the fingerprint {found}, and the run's {Fingerprint}: use one version of the package everywhere.");
    }

    /// <summary>Loads it.</summary>
    /// <exception cref="InvalidOperationException">This machine would compute other bits.</exception>
    public SharedBackbone Load(BackboneSource source, Device device, CancellationToken cancellation)
    {
        var backbone = SharedBackbone.Open(source.Files, Quantization, device, Precision, cancellation: cancellation);
        try
        {
            Require(backbone.Backbone.Backend);
            return backbone;
        }
        catch
        {
            backbone.Dispose();
            throw;
        }
    }

    private void Require(Backend backend)
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
