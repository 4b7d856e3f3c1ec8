using Microsoft.ML;
using Microsoft.ML.Moka;
using RealBackbone;

namespace CompareTrainers;

/// <summary>A trainer with what it needs before it.</summary>
/// <param name="Name">As the table has it.</param>
/// <param name="Pipeline">From the columns Text and Label, a key, to PredictedLabel.</param>
internal sealed record Contestant(string Name, Func<MLContext, TextTask, IEstimator<ITransformer>> Pipeline)
{
    public static IEnumerable<Contestant> All(string? backbone)
    {
        yield return new Contestant("SdcaMaximumEntropy on FeaturizeText", (ml, _) => Featurized(ml)
            .Append(ml.MulticlassClassification.Trainers.SdcaMaximumEntropy(Features.Options)));
        yield return new Contestant("LightGbm on FeaturizeText", (ml, _) => Featurized(ml).Append(ml.MulticlassClassification.Trainers.LightGbm()));
        yield return new Contestant("Moka by words, small backbone", (ml, task) => Moka(ml, task, null, MokaHead.Words));
        yield return new Contestant("Moka with a head, small backbone", (ml, task) => Moka(ml, task, null, MokaHead.LastToken));
        if (backbone is not null)
        {
            yield return new Contestant(
                $"Moka with a head, {Path.GetFileNameWithoutExtension(backbone)}", (ml, task) => Moka(ml, task, backbone, MokaHead.LastToken));
        }
    }

    private static IEstimator<ITransformer> Featurized(MLContext ml) => ml.Transforms.Text.FeaturizeText("Features", nameof(TextRow.Text));

    private static IEstimator<ITransformer> Moka(MLContext ml, TextTask task, string? backbone, MokaHead head) =>
        ml.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options
        {
            BackbonePath = backbone,
            TextColumnName = nameof(TextRow.Text),
            PromptTemplate = new PromptTemplate(task.Prompt),
            Head = head,
        });
}
