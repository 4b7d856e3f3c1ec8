using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Likelihood over answer words.</summary>
internal sealed class WordAnswerer(EvaluatedModel model, PromptTemplate template, int maxTokens) : Answerer
{
    private readonly RowEncoder _encoder = new(model.Tokenizer, template, maxTokens);
    private readonly OpeningFinder _openings = new(model.Tokenizer, template, maxTokens);

    public override PromptTemplate? Template => template;

    public override IEnumerable<Question> Read(BenchmarkSource source) => ReadInstructions(source);

    public override EncodedQuestion Encode(Question question)
    {
        var row = _encoder.ForScoring(question.Prompt, question.Prompt.Candidates);
        return new EncodedQuestion(question, new SequenceSet(row) { Opening = _openings.In(row.Prompt, question) }, row.PromptIsCut);
    }

    public override BenchmarkAnswer Answer(EncodedQuestion encoded, ComputedAnswer computed)
    {
        var (candidates, label, scores) = (encoded.Question.Prompt.Candidates, encoded.Question.Label, computed.Scores!);
        var best = Best(scores);
        return new BenchmarkAnswer
        {
            Label = candidates[label],
            Predicted = candidates[best],
            IsCorrect = best == label,
            Candidates = candidates,
            LogLikelihoods = scores,
            PromptWasCut = encoded.IsCut,
        };
    }
}
