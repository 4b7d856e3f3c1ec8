using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Likelihood over answer words.</summary>
internal sealed class WordAnswerer(EvaluatedModel model, PromptTemplate template, int maxTokens) : Answerer
{
    private readonly RowEncoder _encoder = new(model.Tokenizer, template, maxTokens);
    private readonly OpeningFinder _openings = new(model.Tokenizer, template, maxTokens);
    private readonly LikelihoodScorer _scorer = new(model.Backbone, model.Adapters);

    public override PromptTemplate? Template => template;

    public override IEnumerable<Question> Read(BenchmarkSource source) => ReadInstructions(source);

    public override EncodedQuestion Encode(Question question)
    {
        var row = _encoder.ForScoring(question.Prompt, question.Prompt.Candidates);
        return new EncodedQuestion(question, new SequenceSet(row) { Opening = _openings.In(row.Prompt, question) }, row.PromptIsCut);
    }

    public override BenchmarkAnswer[] Answer(IReadOnlyList<EncodedQuestion> questions, out long tokens, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var scores = _scorer.ScoreBatch([.. questions.Select(q => q.Tokens)], out var computed, cancellation);
        tokens = computed;
        return [.. questions.Select((q, i) => new BenchmarkAnswer
        {
            Label = q.Question.Prompt.Candidates[q.Question.Label],
            Predicted = q.Question.Prompt.Candidates[Best(scores[i])],
            IsCorrect = Best(scores[i]) == q.Question.Label,
            Candidates = q.Question.Prompt.Candidates,
            LogLikelihoods = scores[i],
            PromptWasCut = q.IsCut,
        })];
    }
}
