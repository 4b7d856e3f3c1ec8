using Microsoft.Extensions.DependencyInjection;
using Microsoft.ML.Moka.Orleans.Serving;
using Orleans;

namespace Microsoft.ML.Moka.Orleans.Grains;

/// <summary>Passes the question to the <see cref="ModelHost"/> of its silo, which serves models where it was told to.</summary>
[SiloPlacement]
[GrainType("moka-model-host")]
internal sealed class ModelHostGrain(IServiceProvider services) : Grain, IModelHostGrain
{
    public Task<ModelOffer> Offer(string model) => Task.FromResult(services.GetService<ModelHost>()?.Offer(model) ?? new ModelOffer(false, false, 0));
}
