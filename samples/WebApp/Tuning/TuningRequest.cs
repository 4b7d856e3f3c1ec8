namespace WebApp.Tuning;

/// <summary>The body of POST /api/training; what is left out has a default.</summary>
/// <param name="Questions">Training questions.</param>
/// <param name="Epochs">How often training sees each.</param>
/// <param name="Seed">Determines the questions and the initial weights.</param>
public sealed record TuningRequest(int Questions = 1280, int Epochs = 4, int Seed = 1)
{
    /// <summary>What is wrong, by field.</summary>
    public Dictionary<string, string[]> Errors()
    {
        var errors = new Dictionary<string, string[]>();
        Check("questions", Questions, 64, 5000);
        Check("epochs", Epochs, 1, 50);
        Check("seed", Seed, 0, 1_000_000);
        return errors;

        void Check(string field, int value, int least, int most)
        {
            if (value < least || value > most)
                errors[field] = [$"Give a number from {least} to {most}."];
        }
    }
}
