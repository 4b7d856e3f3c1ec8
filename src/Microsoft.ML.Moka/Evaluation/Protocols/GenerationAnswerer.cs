using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Evaluation.Benchmarks;
using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Evaluation.Protocols;

/// <summary>Generation, and the first answer word in what was generated.</summary>
internal sealed class GenerationAnswerer(EvaluatedModel model, GenerationProtocol protocol, int maxTokens) : Answerer
{
    private readonly RowEncoder _encoder = new(model.Tokenizer, protocol.PromptTemplate, maxTokens);
    private readonly OpeningFinder _openings = new(model.Tokenizer, protocol.PromptTemplate, maxTokens);

    public override PromptTemplate? Template => protocol.PromptTemplate;

    // No text is longer than the backbone has positions.
    public override BatchSettings Settings { get; } = new(
        Math.Min(protocol.MaximumNewTokens, model.Backbone.Config.MaxPositions), protocol.Beams, [.. model.Tokenizer.EndsOfSequence]);

    public override IEnumerable<Question> Read(BenchmarkSource source) => ReadInstructions(source);

    public override EncodedQuestion Encode(Question question)
    {
        var (prompt, isCut) = _encoder.ForGeneration(question.Prompt, protocol.MaximumNewTokens);
        return new EncodedQuestion(question, new SequenceSet([new ScoredSequence(prompt, prompt.Length)], _openings.In(prompt, question)), isCut);
    }

    public override BenchmarkAnswer Answer(EncodedQuestion encoded, ComputedAnswer computed)
    {
        var (candidates, label) = (encoded.Question.Prompt.Candidates, encoded.Question.Prompt.Candidates[encoded.Question.Label]);
        var response = AnswerExtraction.Response(model.Tokenizer.Decode(computed.Text!));
        var predicted = AnswerExtraction.First(response, encoded.Question.Task?.AnswerWords ?? candidates);
        return new BenchmarkAnswer
        {
            Label = label,
            Predicted = predicted,
            IsCorrect = predicted == label,
            Candidates = candidates,
            Output = response,
            PromptWasCut = encoded.IsCut,
        };
    }
}
