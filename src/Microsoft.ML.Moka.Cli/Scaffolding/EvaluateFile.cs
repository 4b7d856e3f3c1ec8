namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>X.evaluate.cs: how the saved model does on rows that it was not trained on.</summary>
internal static class EvaluateFile
{
    public static string Of(ScaffoldPlan plan) =>
        $$"""
        {{SourceFile.Opening}}using System;
        using System.Linq;
        using Microsoft.ML;
        using Microsoft.ML.Data;

        namespace {{plan.Namespace}}
        {
            public partial class {{plan.ClassName}}
            {
                /// <summary>
                /// Evaluate the saved model.
                /// </summary>
                /// <param name="testDataFilePath">Path to a file of rows that the model was not trained on, in the form of the training file.</param>
                /// <returns>The metrics.</returns>
                public static MulticlassClassificationMetrics Evaluate(string testDataFilePath{{SourceFile.FormatParameters(plan)}})
                {
                    var mlContext = CreateContext();
                    var data = LoadIDataViewFromFile(mlContext, testDataFilePath{{SourceFile.FormatArguments(plan)}});
                    var model = mlContext.Model.Load(MLNetModelPath, out var _);
                    var metrics = Evaluate(mlContext, model, data);
                    (model as IDisposable)?.Dispose();
                    return metrics;
                }

                /// <summary>
                /// Evaluate a model.
                /// </summary>
                /// <param name="mlContext">The common context for all ML.NET operations.</param>
                /// <param name="model">The model.</param>
                /// <param name="testData">Rows that the model was not trained on.</param>
                /// <returns>The metrics.</returns>
                public static MulticlassClassificationMetrics Evaluate(MLContext mlContext, ITransformer model, IDataView testData)
                {
                    var metrics = mlContext.MulticlassClassification.Evaluate(
                        model.Transform(testData), labelColumnName: {{CSharpText.Literal(plan.Label.Name)}}, scoreColumnName: {{CSharpText.Literal(plan.Score.Name)}}, predictedLabelColumnName: {{CSharpText.Literal(plan.PredictedLabel.Name)}});
                    if (metrics.ConfusionMatrix.Counts.Sum(row => row.Sum()) == 0)
                    {
                        throw new InvalidOperationException("No row of the test data has a label that the model was trained on: there is nothing to measure.");
                    }

                    return metrics;
                }

                /// <summary>
                /// The accuracy of always giving the most frequent label: what a model has to be better than.
                /// </summary>
                /// <param name="metrics">The metrics of a model.</param>
                /// <returns>A share, from 0 to 1.</returns>
                public static double MostFrequentLabelShare(MulticlassClassificationMetrics metrics)
                {
                    return metrics.MostFrequentLabelAccuracy();
                }
            }
        }

        """;
}
