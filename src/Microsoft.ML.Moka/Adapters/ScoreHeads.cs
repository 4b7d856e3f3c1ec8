using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// What a configuration of PEFT's, and the tensors beside it, say of a head for scores: PEFT's <c>SEQ_CLS</c> saves the module <c>score</c> whole, and
/// transformers' models read the last token's state with it.
/// </summary>
internal static class ScoreHeads
{
    public const string TaskField = "task_type";

    // Fields of our own, which PEFT passes over with a warning: its model gives the outputs.
    private const string MeanField = "moka_target_mean";
    private const string ScaleField = "moka_target_scale";
    private const string ProblemField = "moka_problem_type";

    /// <summary>What transformers calls a head whose labels apply or not, each by itself.</summary>
    public const string MultiLabelProblem = "multi_label_classification";

    private const string WordsTask = "CAUSAL_LM";
    private const string LastTokenTask = "SEQ_CLS";

    // PEFT refuses task types that it does not know: else it would read the last token's state in silence.
    private const string MeanTask = "MOKA_MEAN_SEQ_CLS";

    /// <summary>Names that PEFT itself puts among the saved modules of a SEQ_CLS; a LLaMA has only the second.</summary>
    private static readonly string[] Modules = ["classifier", ScoreHeadRule.Module];

    private static readonly string[] OtherTasks = ["TOKEN_CLS", "QUESTION_ANS"];

    public static string TaskOf(ScoreHeadRule? head) => head?.Pooling switch
    {
        null => WordsTask,
        MokaHead.Mean => MeanTask,
        _ => LastTokenTask,
    };

    /// <summary>Whether the saved module is that head where there is one.</summary>
    public static bool Includes(string module, ScoreHeadRule? head) => head is not null && Modules.Contains(module);

    /// <summary>The head that lies beside an adapter; null where there is none.</summary>
    /// <exception cref="InvalidDataException">The fields ask for another head than the tensors have, or for one that is not supported.</exception>
    public static ScoreHeadRule? Read(JsonFields fields, SafetensorsFile tensors, BackboneShape shape)
    {
        var task = fields.Text(TaskField, "");
        if (OtherTasks.Contains(task))
            throw fields.Error(TaskField, $"is '{task}'; there are {WordsTask}, {LastTokenTask} and {MeanTask}");
        var name = AdapterTensors.NameOf(ScoreHeadRule.TensorName);
        if (!tensors.Contains(name))
            return task is LastTokenTask or MeanTask
                ? throw fields.Error(TaskField, $"is '{task}', and {tensors.Name} has no '{name}': save the adapter with modules_to_save=[\"score\"]")
                : null;
        return tensors[name].Shape is [var outputs and > 0, var columns] && columns == shape.Columns
            ? new ScoreHeadRule(task == MeanTask ? MokaHead.Mean : MokaHead.LastToken, outputs, columns)
            {
                Targets = TargetsOf(fields, outputs),
                IsMultiLabel = IsMultiLabel(fields),
            }
            : throw tensors[name].Invalid($"has the shape {tensors[name].ShapeText}, where the backbone asks for rows of {shape.Columns}");
    }

    /// <summary>Writes what outputs stand for, where that is not a regression's value or one label of several.</summary>
    public static void WriteTargets(ScoreHeadRule? head, SortedDictionary<string, object?> fields)
    {
        if (head?.IsMultiLabel is true)
            fields[ProblemField] = MultiLabelProblem;
        if (head is null || head.Targets == TargetScale.Plain)
            return;
        fields[MeanField] = head.Targets.Mean;
        fields[ScaleField] = head.Targets.Scale;
    }

    private static bool IsMultiLabel(JsonFields fields)
    {
        var problem = fields.Text(ProblemField, "");
        return problem is "" or MultiLabelProblem
            ? problem.Length > 0
            : throw fields.Error(ProblemField, $"is '{problem}'; there is {MultiLabelProblem}");
    }

    private static TargetScale TargetsOf(JsonFields fields, int outputs)
    {
        if (outputs > 1 && (fields.Has(MeanField) || fields.Has(ScaleField)))
            throw fields.Error(fields.Has(MeanField) ? MeanField : ScaleField, $"is set, and the head has {outputs} outputs: only a value has a scale");
        return new TargetScale(
            fields.Number(MeanField, -double.MaxValue, double.MaxValue, 0), fields.Number(ScaleField, double.Epsilon, double.MaxValue, 1));
    }

    /// <summary>Whoever answers with words has no use for a head, and a head serves the labels alone that it was trained on.</summary>
    /// <param name="wanted">What the model scores by; null for words.</param>
    /// <param name="found">What lies beside the adapter.</param>
    /// <param name="where">What errors call the adapter's place.</param>
    /// <exception cref="InvalidDataException">They are not the same.</exception>
    public static void RequireSame(ScoreHeadRule? wanted, ScoreHeadRule? found, string where)
    {
        // PEFT does not say what outputs stand for: what it saved may be either.
        var isOther = found?.IsMultiLabel is true && wanted?.IsMultiLabel is false;
        if (wanted?.Pooling == found?.Pooling && wanted?.Outputs == found?.Outputs && !isOther)
            return;
        throw new InvalidDataException((wanted, found) switch
        {
            (null, { } head) =>
                $"{where} has a head of {head.Outputs} outputs ({ScoreHeadRule.TensorName}), and a model that answers with words would leave it out: "
                + $"set Options.Head of a trainer to {nameof(MokaHead)}.{head.Pooling}, or take an adapter without a head.",
            (_, null) => $"{where} has no head ({ScoreHeadRule.TensorName}), and the model scores by one: take an adapter that was trained with a head.",
            ({ } mine, { } head) when mine.Pooling != head.Pooling =>
                $"{where} has a head over {head.Pooling}, and the model's is over {mine.Pooling}: set Options.Head to {nameof(MokaHead)}.{head.Pooling}.",
            ({ } mine, { } head) when mine.Outputs == head.Outputs =>
                $"{where} has a head that was trained to tell any number of labels of a row, and the model tells one: use a trainer of "
                + "mlContext.MultiLabelClassification.",
            ({ } mine, { } head) => $"{where} has a head of {head.Outputs} outputs, and {mine.Outputs} are wanted: it was trained on other labels.",
        });
    }
}
