using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace Microsoft.ML.Moka.Orleans.Grains;

/// <summary>A model lives where its backbone is in memory; else where the fewest models are.</summary>
[GenerateSerializer]
[Immutable]
internal sealed class ModelPlacement : PlacementStrategy;

/// <inheritdoc cref="ModelPlacement"/>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ModelPlacementAttribute() : PlacementAttribute(new ModelPlacement());

/// <summary>Asks the silos.</summary>
internal sealed class ModelPlacementDirector(IGrainFactory grains) : IPlacementDirector
{
    private static readonly TimeSpan LongestOffer = TimeSpan.FromSeconds(5);

    public async Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var name = target.GrainIdentity.Key.ToString()!;
        var offers = await Task.WhenAll(context.GetCompatibleSilos(target).Select(silo => OfferOf(silo, name)));
        // All ask the same silos in the same order, so that models which come at once meet.
        var best = offers.OrderByDescending(offer => offer.Offer.HasFile).ThenByDescending(offer => offer.Offer.HasBackbone)
            .ThenBy(offer => offer.Offer.Models).ThenBy(offer => offer.Silo.ToParsableString(), StringComparer.Ordinal).FirstOrDefault();
        return best.Silo ?? throw new SiloUnavailableException("No silo of the cluster serves models: call AddMokaModels on some.");
    }

    private async Task<(SiloAddress Silo, ModelOffer Offer)> OfferOf(SiloAddress silo, string name)
    {
        try
        {
            return (silo, await grains.GetGrain<IModelHostGrain>(silo.ToParsableString()).Offer(name).WaitAsync(LongestOffer));
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // It ends, or is too busy to have one more.
            return (silo, new ModelOffer(false, false, int.MaxValue));
        }
    }
}
