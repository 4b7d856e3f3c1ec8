using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Sweeps;
using Microsoft.ML.Moka.Work;

namespace Microsoft.ML.Moka.Jobs;

/// <summary>Makes trials of a sweep.</summary>
internal sealed class TrialWorker : WorkerTask
{
    // The backbone stays in memory from one trial to the next.
    private readonly SharedBackbone _backbone;
    private readonly TrialRunner _runner;

    public TrialWorker(MLContext context, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellation)
    {
        var (job, options, data) = TrialJob.Read(files, context);
        var source = job.Backbone.Find(MokaTransformer.BackboneResolver);
        if (source.Kind == BackboneKind.Folder)
            options.BackbonePath = source.Files.Location;
        var host = MlNetAccess.EnvironmentOf(context.MulticlassClassification.Trainers).Register(nameof(TrialWorker));
        _backbone = job.Backbone.Load(source, DeviceSelection.Choose(host), cancellation);
        try
        {
            _runner = new TrialRunner(context.MulticlassClassification, host, options, data, cancellation);
        }
        catch
        {
            _backbone.Dispose();
            throw;
        }
    }

    public override byte[] Run(byte[] item, byte[]? shared, CancellationToken cancellation) =>
        TrialBytes.Write(_runner.Run(TrialBytes.Read(item), null, cancellation));

    public override void Dispose()
    {
        _runner.Dispose();
        _backbone.Dispose();
        base.Dispose();
    }
}
