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

    public override long NewTokens => (long)MostNewTokens * protocol.Beams;

    // No text is longer than the backbone has positions.
    private int MostNewTokens => Math.Min(protocol.MaximumNewTokens, model.Backbone.Config.MaxPositions);

    public override IEnumerable<Question> Read(BenchmarkSource source) => ReadInstructions(source);

    public override EncodedQuestion Encode(Question question)
    {
        var (prompt, isCut) = _encoder.ForGeneration(question.Prompt, protocol.MaximumNewTokens);
        return new EncodedQuestion(question, new SequenceSet([new ScoredSequence(prompt, prompt.Length)], _openings.In(prompt, question)), isCut);
    }

    public override BenchmarkAnswer[] Answer(IReadOnlyList<EncodedQuestion> questions, out long tokens, CancellationToken cancellation)
    {
        OpenedPrompt[] prompts = [.. questions.Select(q => new OpenedPrompt(q.Tokens.Sequences[0].Ids, q.Tokens.Opening))];
        var options = new GenerationOptions { MaxNewTokens = MostNewTokens, StopTokens = model.Tokenizer.EndsOfSequence };
        var outputs = protocol.Beams == 1
            ? new Generator(model.Backbone, model.Adapters).Generate(prompts, options, out tokens, cancellation: cancellation)
            : new BeamSearch(model.Backbone, model.Adapters, protocol.Beams)
                .Generate(prompts, options.MaxNewTokens, options.StopTokens, out tokens, cancellation);
        return [.. questions.Zip(outputs, (q, output) => Answer(q, model.Tokenizer.Decode(output)))];
    }

    private static BenchmarkAnswer Answer(EncodedQuestion encoded, string output)
    {
        var (candidates, label) = (encoded.Question.Prompt.Candidates, encoded.Question.Prompt.Candidates[encoded.Question.Label]);
        var response = AnswerExtraction.Response(output);
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
