using System.Text.Json;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interop;
using Microsoft.ML.Moka.Models;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Trainers;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Moka.Work;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Jobs;

/// <summary>Computes shares of a training run's steps.</summary>
internal sealed class TrainingWorker : WorkerTask
{
    private readonly SharedBackbone _backbone;
    private readonly AdapterSet _adapters;
    private readonly TrainedModel _model;
    private readonly TrainingExample[] _examples;
    private readonly MokaExchange _exchange;
    private byte[]? _weights;

    public TrainingWorker(IHostEnvironment env, IReadOnlyDictionary<string, byte[]> files, CancellationToken cancellation)
    {
        var job = JsonSerializer.Deserialize(files[TrainingJob.RunName], TrainingJson.Default.ShareJob)!;
        var source = job.Backbone.Find(MokaTransformer.BackboneResolver);
        var config = LlamaConfigFile.Read(source.Files);
        using var stored = StoredAdapter.Open(new MemoryFiles("the run's adapter", files), config.LinearMaps, config.Shape);
        _exchange = job.Exchange;
        _examples = ExampleBytes.Read(files[TrainingJob.ExamplesName]);
        _backbone = job.Backbone.Load(source, DeviceSelection.Choose(env), cancellation);
        try
        {
            _adapters = stored.Load(_backbone.Backbone.Backend);
        }
        catch
        {
            _backbone.Dispose();
            throw;
        }
        _model = new TrainedModel(_backbone.Backbone, _adapters);
        Clear();
    }

    public override byte[] Run(byte[] item, byte[]? shared, CancellationToken cancellation)
    {
        if (!ReferenceEquals(shared, _weights))
        {
            GradientVector.SetValues(_model, GradientVector.FromBytes(shared!));
            _weights = shared;
        }
        try
        {
            var share = JsonSerializer.Deserialize(item, TrainingJson.Default.StepShare)!;
            var loss = share.AccumulateGradients(_model, _examples, cancellation);
            return GradientVector.Pack(loss, double.IsFinite(loss) ? GradientVector.Gradients(_model) : null, _exchange);
        }
        finally
        {
            Clear();
        }
    }

    public override void Dispose()
    {
        _adapters.Dispose();
        _backbone.Dispose();
        base.Dispose();
    }

    private void Clear()
    {
        foreach (var parameter in _model.Parameters)
        {
            using var zeros = _model.Backend.Zeros(TensorKind.Parameter, parameter.Gradient.Rows, parameter.Gradient.Columns);
            _model.Backend.Copy(zeros, parameter.Gradient);
        }
    }
}
