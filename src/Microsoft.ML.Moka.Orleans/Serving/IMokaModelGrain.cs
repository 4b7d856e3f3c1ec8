using Orleans;

namespace Microsoft.ML.Moka;

/// <summary>
/// A model that the silos of a cluster serve; the key is its name, that of its file without <c>.zip</c>. It lives on a silo that has its backbone in memory,
/// where there is one, and its texts go through the backbone together with those of other models there. One that is not asked for a while leaves memory.
/// </summary>
[Alias("moka.model")]
public interface IMokaModelGrain : IGrainWithStringKey
{
    /// <summary>Tells the labels of a text, and how likely each is.</summary>
    /// <param name="text">The text, for the only column that the model reads.</param>
    /// <param name="tenant">On whose behalf; each tenant has its own limit, and none waits for all texts of another one.</param>
    /// <returns>The labels, the likeliest first: the bits that the model gives by itself.</returns>
    /// <exception cref="FileNotFoundException">There is no such model.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is no model that tells the labels of a text, it is damaged, or its backbone is not found; the message says which.
    /// </exception>
    /// <exception cref="MokaTenantLimitException">The tenant has too many texts under way.</exception>
    /// <exception cref="TimeoutException">
    /// No answer came within a minute: the model's silo was lost in the midst of it, or loading takes longer. Ask again, or sooner with a limit of your own.
    /// </exception>
    [Alias("predict")]
    [ResponseTimeout("00:01:00")]
    Task<LabelPrediction> PredictLabels(string text, string tenant = "");

    /// <summary>Tells the labels of several texts.</summary>
    /// <param name="texts">The texts; they count by themselves towards the tenant's limit.</param>
    /// <param name="tenant">On whose behalf.</param>
    /// <returns>The labels of each text, in the order of the texts.</returns>
    /// <inheritdoc cref="PredictLabels" path="/exception"/>
    [Alias("predict-all")]
    [ResponseTimeout("00:01:00")]
    Task<IReadOnlyList<LabelPrediction>> PredictAllLabels(IReadOnlyList<string> texts, string tenant = "");

    /// <summary>Says where the model is, and what it has done there.</summary>
    /// <returns>Its state.</returns>
    /// <inheritdoc cref="PredictLabels" path="/exception"/>
    [Alias("describe")]
    [ResponseTimeout("00:01:00")]
    Task<MokaServedModel> Describe();
}

/// <summary>A model that is served.</summary>
/// <param name="Silo">The silo that has it: address and port.</param>
/// <param name="Version">Tells files apart by what is in them: eight hexadecimal digits.</param>
/// <param name="Refusal">Why the latest file did not take its place; null where it did, or there is none.</param>
/// <param name="TextsOfSilo">How many texts the silo has answered, of all its models.</param>
/// <param name="BatchesOfSilo">In how many batches.</param>
[GenerateSerializer]
[Alias("moka.served")]
public sealed record MokaServedModel(
    [property: Id(0)] string Silo, [property: Id(1)] string Version, [property: Id(2)] string? Refusal, [property: Id(3)] long TextsOfSilo,
    [property: Id(4)] long BatchesOfSilo);
