using Microsoft.ML.Data;
using Microsoft.ML.Moka.DataViews.Columns;
using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Generation.Conversations;

/// <summary>Reads a column of conversations as examples of which the assistant's turns are learned.</summary>
/// <param name="inputs">Names the column.</param>
/// <param name="encoder">Makes the ids.</param>
/// <param name="trainOnPrompt">Whether everything is learned.</param>
internal sealed class ConversationExampleReader(InputColumns inputs, ConversationEncoder encoder, bool trainOnPrompt) : IExampleReader
{
    public IReadOnlyList<TrainingExample> Read(IChannel channel, IDataView data, string role, CancellationToken cancellation)
    {
        var counts = new Counts();
        var examples = new List<TrainingExample>();
        using (var cursor = data.GetRowCursor(inputs.In(data.Schema, role)))
        {
            var row = inputs.Reader(cursor, data.Schema, []);
            for (; cursor.MoveNext(); counts.Rows++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (Encode(row().Messages!, $"the column '{inputs.Messages}', row {counts.Rows} of the {role} set", counts) is { } example)
                    examples.Add(example);
            }
        }
        foreach (var warning in counts.Warnings(role))
        {
            if (examples.Count == 0)
                throw new InvalidOperationException($"The {role} set has no answer that can be learned. {warning}");
            channel.Warning(MessageSensitivity.None, warning);
        }
        return examples.Count > 0 ? examples : throw new InvalidOperationException($"The {role} set has no rows.");
    }

    private TrainingExample? Encode(string json, string source, Counts counts)
    {
        TaughtConversation taught;
        var turns = json.Length == 0 ? [] : ConversationJson.Read(json, source);
        try
        {
            taught = encoder.ForTraining(turns);
        }
        catch (ArgumentException e)
        {
            counts.Refuse(e.Message.Split(" (Parameter ")[0]);
            return null;
        }
        counts.LeftOut += taught.LeftOut;
        if (taught.Answers.Count == 0)
        {
            counts.WithoutAnswer++;
            return null;
        }
        counts.Cut += taught.IsCut ? 1 : 0;
        counts.CutAnswers += taught.AnswerIsCut ? 1 : 0;
        return trainOnPrompt ? new TrainingExample(taught.Ids, 1) : new TrainingExample(taught.Ids, taught.Answers);
    }

    // What is to be said once, with numbers.
    private sealed class Counts
    {
        private long _refused;
        private string _firstReason = "";

        public long Rows { get; set; }

        public long LeftOut { get; set; }

        public long WithoutAnswer { get; set; }

        public long Cut { get; set; }

        public long CutAnswers { get; set; }

        public void Refuse(string reason)
        {
            if (_refused++ == 0)
                _firstReason = reason;
        }

        public IEnumerable<string> Warnings(string role)
        {
            if (_refused > 0)
                yield return $"Skipped {_refused} of {Rows} conversations of the {role} set, which the chat template does not take. The first: {_firstReason}";
            if (LeftOut > 0)
                yield return $"{LeftOut} answers in conversations of the {role} set are not learned: the chat template writes them otherwise than the model "
                    + "would be asked for them (it drops reasoning, or opens answers in another way). Set Options.ChatTemplate to one with generation marks "
                    + "if they matter.";
            if (WithoutAnswer > 0)
                yield return $"Skipped {WithoutAnswer} of {Rows} conversations of the {role} set: they have no answer that can be learned.";
            if (Cut > 0)
                yield return $"{Cut} of {Rows} conversations of the {role} set were too long and lost their first turns: "
                    + $"raise {nameof(TuningOptions.MaximumTokens)} if it matters.";
            if (CutAnswers > 0)
                yield return $"{CutAnswers} of {Rows} conversations of the {role} set had an exchange that is too long by itself and lost its end: "
                    + $"raise {nameof(TuningOptions.MaximumTokens)} if it matters.";
        }
    }
}
