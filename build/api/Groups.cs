namespace Microsoft.ML.Moka.ApiReference;

/// <summary>The pages of the reference, and the types on each in the order in which one meets them.</summary>
internal static class Groups
{
    /// <summary>For types that no other page names.</summary>
    public const string Rest = "more";

    public static IReadOnlyList<(string Page, string Title, string[] Types)> All { get; } =
    [
        ("catalogs", "In an MLContext",
            ["MokaCatalog", "TextGenerationCatalog", "TextGenerationCatalog.TextGenerationTrainers", "BenchmarkCatalog", "BenchmarkDataCatalog",
                "ConversationDataCatalog", "SweepCatalog", "MulticlassMetricsExtensions", "LabelPredictionCatalog", "MultiLabelCatalog",
                "MultiLabelCatalog.MultiLabelTrainers", "MokaLog"]),
        ("training", "Trainers and their options",
        [
            "MokaEmbeddingEstimator", "MokaEmbeddingEstimator.Options",
            "MokaTrainer", "MokaTrainer.Options", "EnumTypeAttribute", "MokaBinaryTrainer", "MokaBinaryTrainer.Options", "ClassWeights",
            "MokaMultiLabelTrainer", "MokaMultiLabelTrainer.Options", "MokaRegressionTrainer", "MokaRegressionTrainer.Options", "MokaTextGenerationTrainer",
            "MokaTextGenerationTrainer.Options", "ScoringOptions", "MokaHead", "TuningOptions", "WorkerPool", "MokaGpus", "MokaExchange",
            "BackboneQuantization",
            "MokaPrecision", "LearningRateSchedule", "PromptTemplate", "ConversationRow", "TextFileSource",
            "SweepOptions", "SweepSearch", "SweepMetric", "SweepResult", "SweepTrial",
            "TrainingProgress", "TrainingCurve", "MemoryPlan", "TrainingDivergedException", "DeviceMemoryException",
        ]),
        ("models", "Models", ["MokaModel", "MokaTransformer", "MokaBinaryTransformer", "MokaMultiLabelTransformer", "MokaRegressionTransformer",
            "LabelPrediction", "LabelProbability", "MultiLabelMetrics", "LabelMetrics", "MokaTextGenerator",
            "MokaEmbeddingTransformer",
            "TextRequest", "LabelRequest", "TextGenerationOptions", "ChatTemplate",
            "BackboneReference", "BackboneDescription", "AdapterFileFormat", "MergeOptions", "GgufOptions", "GgufFormat", "MokaBackbone",
            "LoraConversion", "LoraMapConversion", "BackboneDownloadOptions", "BackboneDownloadProgress", "MokaTokenizer"]),
        ("adapters", "Adapters and their design",
        [
            "AdapterOptions", "MokaAdapter", "MokaSAdapter", "CdkaAdapter", "KronaAdapter", "LokrAdapter", "LoraAdapter", "DoraAdapter", "HiraAdapter",
            "MissAdapter", "PissaAdapter", "LoraInitialValues", "FullFineTuning",
            "FactorShape", "AdapterMethods", "AdapterSize",
            "AdapterDesigner", "AdapterDesign", "AdaptedMap",
        ]),
        ("diagnostics", "What a program has to run on", ["MokaDiagnostics", "DiagnosticFinding", "DiagnosticArea", "DiagnosticStatus"]),
        ("inspection", "Looking into a model", ["AdapterInspection", "MapInspection", "FilterInspection", "HeadInspection", "Forgetting"]),
        ("evaluation", "Benchmarks",
        [
            "BenchmarkOptions", "EvaluationProtocol", "LikelihoodProtocol", "ChoiceLikelihoodProtocol", "GenerationProtocol", "BenchmarkMetrics",
            "BenchmarkTaskMetrics", "BenchmarkGroupMetrics", "BenchmarkTask", "BenchmarkProgress",
            "BenchmarkAnswer", "BenchmarkReport", "BenchmarkReportOptions", "BenchmarkRow", "ChoiceRow", "InstructionRow",
        ]),
        (Rest, "More", []),
    ];
}
