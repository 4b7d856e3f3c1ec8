namespace Microsoft.ML.Moka.Cli.Scaffolding;

/// <summary>X.training.cs: the pipeline, and what it is trained on.</summary>
internal static class TrainingFile
{
    public static string Of(ScaffoldPlan plan) =>
        $$"""
        {{SourceFile.Opening}}using System;
        using System.Collections.Generic;
        using System.IO;
        using System.Linq;
        {{(plan.Format.IsJson ? "using System.Text.Json;\n" : "")}}using System.Threading;
        using Microsoft.ML;
        using Microsoft.ML.Data;
        using Microsoft.ML.Moka;

        namespace {{plan.Namespace}}
        {
            public partial class {{plan.ClassName}}
            {
                public const string RetrainFilePath = {{CSharpText.Literal(plan.DataPath)}};
        {{Constants(plan)}}
                /// <summary>
                /// The GPU that the model is trained on and predicts with, counted from 0; null for the CPU. A GPU needs the package Microsoft.ML.Moka.TorchSharp.
                /// </summary>
                public static int? GpuDeviceId = {{plan.GpuDeviceId?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "null"}};

                /// <summary>
                /// Whether the CPU is used where there is no such GPU; if not, that is an error.
                /// </summary>
                public static bool FallbackToCpu = true;

                /// <summary>
                /// Train a new model with the provided dataset.
                /// </summary>
                /// <param name="outputModelPath">File path where the model is saved. Should be similar to "C:\YourPath\ToModel\model.mlnet"</param>
                /// <param name="inputDataFilePath">Path to the data file for training.</param>{{FormatComments(plan)}}
                /// <param name="progress">Called after each step.</param>
                /// <param name="cancellationToken">Ends training early, with the best weights so far.</param>
                public static void Train(string outputModelPath, string inputDataFilePath = RetrainFilePath{{SourceFile.FormatParameters(plan)}}, Action<TrainingProgress> progress = null, CancellationToken cancellationToken = default)
                {
                    var mlContext = CreateContext();

                    var data = LoadIDataViewFromFile(mlContext, inputDataFilePath{{SourceFile.FormatArguments(plan)}});
                    var model = RetrainModel(mlContext, data, progress, cancellationToken);
                    SaveModel(mlContext, model, data, outputModelPath);
                    (model as IDisposable)?.Dispose();
                }

        {{Loading(plan)}}

                /// <summary>
                /// Save a model at the specified path. An earlier model there stays whole until the new one is on the disk.
                /// </summary>
                /// <param name="mlContext">The common context for all ML.NET operations.</param>
                /// <param name="model">Model to save.</param>
                /// <param name="data">IDataView used to train the model.</param>
                /// <param name="modelSavePath">File path for saving the model.</param>
                public static void SaveModel(MLContext mlContext, ITransformer model, IDataView data, string modelSavePath)
                {
                    mlContext.Model.SaveAtomically(model, data.Schema, modelSavePath);
                }

                /// <summary>
                /// Retrain model using the pipeline.
                /// </summary>
                /// <param name="mlContext">The common context for all ML.NET operations.</param>
                /// <param name="trainData">Data to train on.</param>
                /// <param name="progress">Called after each step.</param>
                /// <param name="cancellationToken">Ends training early, with the best weights so far.</param>
                /// <returns>The model.</returns>
                public static ITransformer RetrainModel(MLContext mlContext, IDataView trainData, Action<TrainingProgress> progress = null, CancellationToken cancellationToken = default)
                {
                    var pipeline = BuildPipeline(mlContext, progress, cancellationToken);
                    var model = pipeline.Fit(trainData);

                    return model;
                }

                /// <summary>
                /// Build the pipeline that is used to train the model.
                /// </summary>
                /// <param name="mlContext">The common context for all ML.NET operations.</param>
                /// <param name="progress">Called after each step.</param>
                /// <param name="cancellationToken">Ends training early, with the best weights so far.</param>
                /// <returns>The pipeline.</returns>
                public static IEstimator<ITransformer> BuildPipeline(MLContext mlContext, Action<TrainingProgress> progress = null, CancellationToken cancellationToken = default)
                {
                    var options = new MokaTrainer.Options
                    {
                        LabelColumnName = {{CSharpText.Literal(plan.Label.Name)}},
                        TextColumnName = {{CSharpText.Literal(plan.Text.Name)}},
        {{Settings(plan)}}                Progress = progress,
                        CancellationToken = cancellationToken,
                        KeepBestWhenCanceled = true,
                    };

                    // Data process configuration with pipeline data transformations
                    var pipeline = mlContext.Transforms.Conversion.MapValueToKey(outputColumnName: {{CSharpText.Literal(plan.Label.Name)}}, inputColumnName: {{CSharpText.Literal(plan.Label.Name)}})
                                            .Append(mlContext.MulticlassClassification.Trainers.Moka(options))
                                            .Append(mlContext.Transforms.Conversion.MapKeyToValue(outputColumnName: {{CSharpText.Literal(plan.PredictedLabel.Name)}}, inputColumnName: {{CSharpText.Literal(plan.PredictedLabel.Name)}}));

                    return pipeline;
                }

                private static MLContext CreateContext()
                {
                    return new MLContext(seed: 1) { GpuDeviceId = GpuDeviceId, FallbackToCpu = FallbackToCpu };
                }
            }
        }

        """;

    private static string Constants(ScaffoldPlan plan) => plan.Format.Separator is not { } separator
        ? ""
        : $"""
                public const char RetrainSeparatorChar = {CSharpText.Literal(separator)};
                public const bool RetrainHasHeader = true;
                public const bool RetrainAllowQuoting = true;

        """;

    private static string FormatComments(ScaffoldPlan plan) => plan.Format.IsJson
        ? ""
        : """

                /// <param name="separatorChar">Separator character for delimited training file.</param>
                /// <param name="hasHeader">Boolean if training file has a header.</param>
                /// <param name="allowQuoting">Boolean if quoted fields are allowed; they may hold separators and line ends.</param>
        """;

    private static string Settings(ScaffoldPlan plan)
    {
        const string indent = "                ";
        var settings = "";
        if (plan.PredictedLabel.Name != "PredictedLabel")
            settings += $"{indent}PredictedLabelColumnName = {CSharpText.Literal(plan.PredictedLabel.Name)},\n";
        if (plan.Score.Name != "Score")
            settings += $"{indent}ScoreColumnName = {CSharpText.Literal(plan.Score.Name)},\n";
        if (plan.BackbonePath is { } backbone)
            settings += $"{indent}BackbonePath = {CSharpText.Literal(backbone)},\n";
        if (plan.Epochs is { } epochs)
            settings += FormattableString.Invariant($"{indent}NumberOfEpochs = {epochs},\n");
        return settings;
    }

    private static string Loading(ScaffoldPlan plan) =>
        $$"""
                /// <summary>
                /// Load an IDataView from a file path.
                /// </summary>
                /// <param name="mlContext">The common context for all ML.NET operations.</param>
                /// <param name="inputDataFilePath">Path to the data file.</param>{{FormatComments(plan)}}
                /// <returns>The rows.</returns>
        {{(plan.Format.IsJson ? JsonLoading.Of(plan) : TextLoading)}}
        """;

    private const string TextLoading =
        """
                public static IDataView LoadIDataViewFromFile(MLContext mlContext, string inputDataFilePath, char separatorChar, bool hasHeader, bool allowQuoting)
                {
                    var loader = mlContext.Data.CreateTextLoader<ModelInput>(new TextLoader.Options
                    {
                        Separators = new[] { separatorChar },
                        HasHeader = hasHeader,
                        AllowQuoting = allowQuoting,
                        ReadMultilines = allowQuoting,
                    });

                    // By itself the loader leaves out rows that begin with //.
                    return loader.Load(new TextFileSource(inputDataFilePath, separatorChar, allowQuoting));
                }
        """;
}
