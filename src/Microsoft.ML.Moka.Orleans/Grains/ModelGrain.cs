using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.Moka.Orleans.Serving;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Microsoft.ML.Moka.Orleans.Grains;

/// <summary>A model on the silo that it was placed on: it is loaded with the grain, and freed with it.</summary>
[Reentrant]
[ModelPlacement]
[GrainType("moka-model")]
internal sealed class ModelGrain(IServiceProvider services, ILocalSiloDetails silo) : Grain, IMokaModelGrain
{
    private readonly ModelHost _host = services.GetService<ModelHost>() ?? throw new InvalidOperationException(
        $"The silo {silo.SiloAddress.Endpoint} serves no models: call AddMokaModels on silos that are to.");

    private string Name => this.GetPrimaryKeyString();

    public override Task OnActivateAsync(CancellationToken cancellationToken) => Task.Run(() => _host.Open(Name), cancellationToken);

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _host.Close(Name);
        return Task.CompletedTask;
    }

    public async Task<LabelPrediction> PredictLabels(string text, string tenant) => (await PredictAllLabels([text], tenant))[0];

    public Task<IReadOnlyList<LabelPrediction>> PredictAllLabels(IReadOnlyList<string> texts, string tenant)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(tenant);
        foreach (var text in texts)
            ArgumentNullException.ThrowIfNull(text, nameof(texts));
        return texts.Count == 0 ? Task.FromResult<IReadOnlyList<LabelPrediction>>([]) : _host.Predict(Name, texts, tenant);
    }

    public Task<MokaServedModel> Describe()
    {
        var file = _host.Find(Name);
        var (done, batches) = _host.Done;
        return Task.FromResult(new MokaServedModel(silo.SiloAddress.Endpoint.ToString(), file.Version!, file.Refusal?.Message, done, batches));
    }
}
