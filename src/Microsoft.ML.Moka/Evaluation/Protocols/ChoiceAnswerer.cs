using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Likelihood over the choices' own texts, as lm-evaluation-harness has it.</summary>
internal sealed class ChoiceAnswerer(EvaluatedModel model, int maxTokens) : Answerer
{
    private readonly RowEncoder _encoder = new(model.Tokenizer, PromptTemplate.Plain, maxTokens);
    private readonly OpeningFinder _openings = new(model.Tokenizer, PromptTemplate.Plain, maxTokens);

    public override IEnumerable<Question> Read(BenchmarkSource source) =>
        source.ReadChoices().Select(row => new Question(new PromptRow(row.Text, row.Candidates), row.LabelIndex, source.Task, source.ChoiceOpening));

    public override EncodedQuestion Encode(Question question)
    {
        var (text, choices) = (question.Prompt.Text!, question.Prompt.Candidates);
        if (question.Task is not { Harness.FillsBlank: true })
        {
            var row = _encoder.ForContinuing(question.Prompt, choices);
            return new EncodedQuestion(question, new SequenceSet(row) { Opening = _openings.In(row.Prompt, question) }, row.PromptIsCut);
        }
        // The sentence up to the blank, with an option in it, is the prompt; the rest of the sentence is what is scored.
        var blank = text.IndexOf('_', StringComparison.Ordinal);
        if (blank < 0 || string.IsNullOrWhiteSpace(text[(blank + 1)..]))
            throw new ArgumentException($"The sentence has no blank '_' with something behind it: '{text}'.", nameof(question));
        ScoringRow[] rows = [.. choices.Select(choice => _encoder.ForContinuing(new PromptRow(text[..blank] + choice, choices), [text[(blank + 1)..].Trim()]))];
        return new EncodedQuestion(question, new SequenceSet([.. rows.SelectMany(row => new SequenceSet(row).Sequences)]), rows.Any(row => row.PromptIsCut));
    }

    public override BenchmarkAnswer Answer(EncodedQuestion encoded, ComputedAnswer computed)
    {
        var (choices, label, scores) = (encoded.Question.Prompt.Candidates, encoded.Question.Label, computed.Scores!);
        // The harness divides by Python's len: characters, not bytes.
        double[] normalized = [.. scores.Select((score, i) => score / Math.Max(1, choices[i].EnumerateRunes().Count()))];
        return new BenchmarkAnswer
        {
            Label = choices[label],
            Predicted = choices[Best(scores)],
            IsCorrect = Best(scores) == label,
            IsCorrectNormalized = encoded.Question.Task is not { Harness.HasNormalized: false } ? Best(normalized) == label : null,
            Candidates = choices,
            LogLikelihoods = scores,
            PromptWasCut = encoded.IsCut,
        };
    }
}
