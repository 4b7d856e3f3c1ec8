using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>
/// A head for scores beside a merged backbone: what transformers loads as <c>AutoModelForSequenceClassification</c>, which has no head over the vocabulary.
/// </summary>
internal sealed class MergedHead
{
    private const string WordsClass = "ForCausalLM";
    private const string ScoresClass = "ForSequenceClassification";

    private readonly Backend _backend;
    private readonly ScoreHead _head;
    private readonly IReadOnlyList<string>? _labels;

    private MergedHead(Backend backend, ScoreHead head, IReadOnlyList<string>? labels)
    {
        _backend = backend;
        _head = head;
        _labels = labels;
    }

    /// <param name="backend">Where the adapters live.</param>
    /// <param name="adapters">The adapters.</param>
    /// <param name="labels">What the outputs stand for; null where nobody knows.</param>
    /// <returns>Null where answers are words.</returns>
    /// <exception cref="InvalidOperationException">transformers has no such head.</exception>
    public static MergedHead? Of(Backend backend, AdapterSet adapters, IReadOnlyList<string>? labels)
    {
        if (adapters.Head is not { } head)
            return null;
        if (head.Rule.Pooling != MokaHead.LastToken)
            throw new InvalidOperationException(
                $"The model's head reads {head.Rule.Pooling}, and transformers' {ScoresClass} the last token: it would give other scores. Save the adapter "
                + "(SaveAdapter) or the model instead, or train with MokaHead.LastToken.");
        if (head.Rule.Targets != TargetScale.Plain)
            throw new InvalidOperationException(
                "The model's score is a mean and a scale of the labels around the head's output, and transformers' head has neither: it would give other "
                + "values. Save the adapter (SaveAdapter) or the model instead.");
        return new MergedHead(backend, head, labels);
    }

    /// <summary>Whether a tensor of the backbone has no place in such a model.</summary>
    public static bool Replaces(string name) => name is Backbones.TensorNames.Head or ScoreHeadRule.TensorName;

    public TensorGroup Tensor(DenseFormat format)
    {
        var rule = _head.Rule;
        var type = SafetensorsTensor.TypeOf(format);
        return new TensorGroup([new TensorHeader(ScoreHeadRule.TensorName, type, [rule.Outputs, rule.Columns])], Make);

        IEnumerable<SafetensorsTensor> Make()
        {
            var values = new float[rule.ParameterCount];
            _backend.Download(_head.Parameter.Value, values);
            yield return new SafetensorsTensor(
                ScoreHeadRule.TensorName, type, [rule.Outputs, rule.Columns], FloatFormats.FromFloats(format, values));
        }
    }

    /// <summary>What <c>config.json</c> says of it.</summary>
    public void Write(IDictionary<string, object?> fields, string architecture)
    {
        fields["architectures"] = (string[])[$"{architecture.Replace(WordsClass, "", StringComparison.Ordinal)}{ScoresClass}"];
        var names = new SortedDictionary<string, object?>(StringComparer.Ordinal);
        var numbers = new SortedDictionary<string, object?>(StringComparer.Ordinal);
        for (var i = 0; i < _head.Rule.Outputs; i++)
        {
            var name = _labels is null ? string.Create(CultureInfo.InvariantCulture, $"LABEL_{i}") : _labels[i];
            names.Add(i.ToString(CultureInfo.InvariantCulture), name);
            numbers.Add(name, i);
        }
        fields["id2label"] = names;
        fields["label2id"] = numbers;
        fields["problem_type"] = _head.Rule switch
        {
            { IsMultiLabel: true } => ScoreHeads.MultiLabelProblem,
            { Outputs: 1 } => "regression",
            _ => "single_label_classification",
        };
    }
}
