using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Tests.Models;

public sealed class ForgettingTests(TunedModel tuned)
{
    private static readonly string[] Texts = ["The sky is blue and grass is green.", "A dog barks at night.", "x"];

    [Fact]
    public void The_losses_are_those_of_the_logits_with_the_adapter_and_without()
    {
        var forgetting = tuned.Model.MeasureForgetting(Texts);

        var weights = tuned.Model.Weights;
        var tokenizer = Moka.Text.BackboneTokenizer.Load(tuned.BackbonePath);
        var sequences = Texts.Select(text => tokenizer.Encode(text, addBeginOfSequence: true)).Where(ids => ids.Length > 1).ToArray();
        Assert.Equal(sequences.Sum(ids => ids.Length - 1), forgetting.TokenCount);
        Assert.Equal(Loss(null), forgetting.LossBefore, 1e-5);
        Assert.Equal(Loss(weights.Adapters), forgetting.LossAfter, 1e-5);
        Assert.True(Math.Abs(forgetting.Change) > 1e-3, forgetting.ToString());
        Assert.Equal(Math.Exp(forgetting.LossBefore), forgetting.PerplexityBefore);
        Assert.Equal(Math.Exp(forgetting.LossAfter), forgetting.PerplexityAfter);

        double Loss(Moka.Adapters.AdapterSet? adapters)
        {
            var (sum, count, vocabulary) = (0.0, 0, weights.Backbone.Config.VocabularySize);
            foreach (var ids in sequences)
            {
                var logits = TinyLlama.Logits(weights.Backbone, RaggedBatch.Of([ids]), adapters);
                for (var t = 0; t < ids.Length - 1; t++, count++)
                {
                    var row = logits.AsSpan(t * vocabulary, vocabulary).ToArray();
                    sum += Math.Log(row.Sum(logit => Math.Exp((double)logit))) - row[ids[t + 1]];
                }
            }
            return sum / count;
        }
    }

    [Fact]
    public void An_untuned_model_forgets_nothing_and_long_texts_are_cut()
    {
        var options = tuned.Options;
        (options.NumberOfEpochs, options.MaximumTokens) = (0, 8);
        using var untuned = tuned.Pipeline(tuned.Context, options).Fit(tuned.Train);

        var forgetting = untuned.LastTransformer.MeasureForgetting([string.Join(' ', Enumerable.Repeat("The sky is blue.", 400))]);

        Assert.Equal(0, forgetting.Change);
        Assert.True(forgetting.TokenCount > 1024);
        var missing = Assert.Throws<ArgumentException>(() => untuned.LastTransformer.MeasureForgetting(["a text", null!]));
        Assert.Contains("Text 2 of 2 is null", missing.Message, StringComparison.Ordinal);
        var error = Assert.Throws<ArgumentException>(() => untuned.LastTransformer.MeasureForgetting([]));
        Assert.Contains("nothing can be predicted", error.Message, StringComparison.Ordinal);
    }
}
