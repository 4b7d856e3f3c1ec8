namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>X.consumption.cs: the rows, and a model that is loaded when it is first asked.</summary>
internal static class ConsumptionFile
{
    public static string Of(ScaffoldPlan plan) =>
        $$"""
        {{SourceFile.Opening}}using System;
        using System.Collections.Generic;
        using System.IO;
        using System.Linq;
        using Microsoft.ML;
        using Microsoft.ML.Data;

        namespace {{plan.Namespace}}
        {
            public partial class {{plan.ClassName}}
            {
                /// <summary>
                /// model input class for {{plan.ClassName}}.
                /// </summary>
                #region model input class
                public class ModelInput
                {
        {{Properties(plan.Columns, isInput: true, plan)}}
                }
                #endregion

                /// <summary>
                /// model output class for {{plan.ClassName}}.
                /// </summary>
                #region model output class
                public class ModelOutput
                {
        {{Properties(plan.Columns, isInput: false, plan)}}

        {{Property(plan.PredictedLabel, "string", null)}}

        {{Property(plan.Score, "float[]", null)}}
                }
                #endregion

                /// <summary>
                /// The model's file: beside the program, unless it is set before the first prediction.
                /// </summary>
                public static string MLNetModelPath = Path.Combine(AppContext.BaseDirectory, {{CSharpText.Literal($"{plan.ClassName}.mlnet")}});

                /// <summary>
                /// The model, loaded once. An engine serves one thread at a time.
                /// </summary>
                public static readonly Lazy<PredictionEngine<ModelInput, ModelOutput>> PredictEngine = new Lazy<PredictionEngine<ModelInput, ModelOutput>>(() => CreatePredictEngine(), true);

                private static PredictionEngine<ModelInput, ModelOutput> CreatePredictEngine()
                {
                    if (!File.Exists(MLNetModelPath))
                    {
                        throw new FileNotFoundException("There is no model at '" + MLNetModelPath + "': {{plan.ClassName}}.Train({{plan.ClassName}}.MLNetModelPath) makes it.", MLNetModelPath);
                    }

                    var mlContext = CreateContext();
                    ITransformer mlModel = mlContext.Model.Load(MLNetModelPath, out var _);
                    return mlContext.Model.CreatePredictionEngine<ModelInput, ModelOutput>(mlModel);
                }

                /// <summary>
                /// Use this method to predict scores for all possible labels.
                /// </summary>
                /// <param name="input">model input.</param>
                /// <returns>The labels with their probabilities, the likeliest first.</returns>
                public static IOrderedEnumerable<KeyValuePair<string, float>> PredictAllLabels(ModelInput input)
                {
                    var predEngine = PredictEngine.Value;
                    var result = predEngine.Predict(input);
                    return GetSortedScoresWithLabels(result);
                }

                /// <summary>
                /// Map the unlabeled result score array to the predicted label names.
                /// </summary>
                /// <param name="result">Prediction to get the labeled scores from.</param>
                /// <returns>Ordered list of label and score.</returns>
                public static IOrderedEnumerable<KeyValuePair<string, float>> GetSortedScoresWithLabels(ModelOutput result)
                {
                    var labelNames = GetLabels();
                    var labeledScores = new Dictionary<string, float>();
                    for (var i = 0; i < labelNames.Count; i++)
                    {
                        labeledScores.Add(labelNames[i], result.{{plan.Score.Property}}[i]);
                    }

                    return labeledScores.OrderByDescending(c => c.Value);
                }

                /// <summary>
                /// Get the ordered label names.
                /// </summary>
                /// <returns>List of labels.</returns>
                private static List<string> GetLabels()
                {
                    var labelColumn = PredictEngine.Value.OutputSchema[{{CSharpText.Literal(plan.Label.Name)}}];
                    var keyNames = default(VBuffer<ReadOnlyMemory<char>>);
                    labelColumn.Annotations.GetValue("KeyValues", ref keyNames);
                    return keyNames.DenseValues().Select(x => x.ToString()).ToList();
                }

                /// <summary>
                /// Use this method to predict on <see cref="ModelInput"/>.
                /// </summary>
                /// <param name="input">model input.</param>
                /// <returns><seealso cref="ModelOutput"/></returns>
                public static ModelOutput Predict(ModelInput input)
                {
                    var predEngine = PredictEngine.Value;
                    return predEngine.Predict(input);
                }
            }
        }

        """;

    private static string Properties(IEnumerable<ScaffoldColumn> columns, bool isInput, ScaffoldPlan plan) =>
        string.Join("\n\n", columns.Select(column => Property(
        column, !isInput && column == plan.Label ? "uint" : SourceFile.TypeOf(column),
        isInput && !plan.Format.IsJson ? $"            [LoadColumn({column.Index})]\n" : null)));

    private static string Property(ScaffoldColumn column, string type, string? attribute) =>
        $$"""
        {{attribute}}            [ColumnName({{CSharpText.Literal(column.Name)}})]
                    public {{type}} {{column.Property}} { get; set; }
        """;
}
