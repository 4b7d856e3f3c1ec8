using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Evaluation;
using Microsoft.ML.Moka.Evaluation.Protocols;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Jobs;

/// <summary>Computes batches of an evaluation.</summary>
internal sealed class EvaluationWorker : WorkerTask
{
    private readonly SharedBackbone _backbone;
    private readonly AdapterSet? _adapters;
    private readonly BatchComputer _computer;

    public EvaluationWorker(IHostEnvironment env, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellation)
    {
        var job = EvaluationJob.Read(files);
        var source = job.Backbone.Find(MokaTransformer.BackboneResolver);
        var config = LlamaConfigFile.Read(source.Files);
        using var stored = job.IsTuned ? StoredAdapter.Open(new MemoryFiles("the model's adapter", files), config.LinearMaps, config.Shape) : null;
        _backbone = job.Backbone.Load(source, DeviceSelection.Choose(env), cancellation);
        try
        {
            _adapters = stored?.Load(_backbone.Backbone.Backend);
        }
        catch
        {
            _backbone.Dispose();
            throw;
        }
        _computer = new BatchComputer(_backbone.Backbone, _adapters, job.Settings);
    }

    public override byte[] Run(byte[] item, byte[]? shared, CancellationToken cancellation) =>
        BatchBytes.Write(_computer.Run(BatchBytes.ReadQuestions(item), cancellation));

    public override void Dispose()
    {
        _adapters?.Dispose();
        _backbone.Dispose();
        base.Dispose();
    }
}
