using Orleans;

namespace Microsoft.ML.Moka.Orleans.Grains;

/// <summary>What a silo has of models; the key is the silo's address.</summary>
[Alias("moka.model-host")]
internal interface IModelHostGrain : IGrainWithStringKey
{
    /// <summary>Says whether the silo would have a model.</summary>
    [Alias("offer")]
    Task<ModelOffer> Offer(string model);
}

/// <summary>What speaks for a silo as a model's place.</summary>
/// <param name="HasFile">Whether it sees the model's file.</param>
/// <param name="HasBackbone">Whether the model's backbone is in memory there.</param>
/// <param name="Models">How many models it has.</param>
[GenerateSerializer]
[Alias("moka.offer")]
internal sealed record ModelOffer([property: Id(0)] bool HasFile, [property: Id(1)] bool HasBackbone, [property: Id(2)] int Models);
