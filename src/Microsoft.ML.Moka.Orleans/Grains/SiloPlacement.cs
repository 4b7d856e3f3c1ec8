using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace Microsoft.ML.Moka.Orleans.Grains;

/// <summary>A grain lives on the silo whose address is its key.</summary>
[GenerateSerializer]
[Immutable]
internal sealed class SiloPlacement : PlacementStrategy;

/// <inheritdoc cref="SiloPlacement"/>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SiloPlacementAttribute() : PlacementAttribute(new SiloPlacement());

/// <summary>Finds the silo.</summary>
internal sealed class SiloPlacementDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var key = target.GrainIdentity.Key.ToString()!;
        return Task.FromResult(context.GetCompatibleSilos(target).FirstOrDefault(silo => silo.ToParsableString() == key)
            ?? throw new SiloUnavailableException($"The silo {key} is not in the cluster: wait for another one."));
    }
}
